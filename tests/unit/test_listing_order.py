"""A listing equals sorted(filter(items)) after any delta and any arrangement."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from cockpit.listing import listing as module
from cockpit.listing.cells import Cell, Column, row
from cockpit.listing.listing import Listing
from cockpit.model.changes import Delta


class Item(Struct, frozen=True, gc=False):
    key: str
    value: float
    name: str = ""


VALUE: Column[Item] = Column("value", "VALUE", 5, lambda item, _: Cell(str(item.value)), lambda item: item.value)
NAME: Column[Item] = Column("name", "NAME", 5, lambda item, _: Cell(item.name), lambda item: item.name)
COLUMNS = (VALUE, NAME)

KEYS = st.sampled_from([f"k{n}" for n in range(30)])
ITEMS = st.builds(
    Item,
    KEYS,
    st.one_of(st.integers(0, 4), st.sampled_from([math.nan, math.inf, -math.inf, 0.5])),
    st.sampled_from(["", "a", "b", "é"]),
)
FILTERS: tuple[Callable[[Item], bool] | None, ...] = (None, lambda item: item.value > 1, lambda item: item.name == "a")


@st.composite
def deltas(draw: st.DrawFn) -> Delta[Item]:
    items = {item.key: item for item in draw(st.lists(ITEMS, max_size=12))}
    removed = set(draw(st.lists(KEYS, max_size=6))) - items.keys()
    return Delta(reset=draw(st.integers(0, 9)) == 0, upserts=items, removed=removed)


STEPS = st.lists(
    st.one_of(
        deltas(),
        st.tuples(st.sampled_from(COLUMNS), st.booleans(), st.sampled_from(range(len(FILTERS)))),
    ),
    max_size=25,
)


def order(items: dict[str, Item], column: Column[Item], descending: bool, accepts: Any) -> list[str]:
    def place(item: Item) -> tuple[Any, str]:
        value = column.sort_key(item)
        return (-math.inf if value != value else value, item.key)

    kept = [item for item in items.values() if accepts is None or accepts(item)]
    return [item.key for item in sorted(kept, key=place, reverse=descending)]


def check(listing: Listing[Item], items: dict[str, Item], expected: list[str]) -> None:
    assert len(listing) == len(expected)
    assert listing.total == len(items)
    assert [item.key for item in listing.window(0, 100_000)] == expected
    assert [listing.key_at(place) for place in range(len(expected))] == expected
    assert [listing.index(key) for key in expected] == list(range(len(expected)))
    shown = set(expected)
    for key, item in items.items():
        assert listing.get(key) is item
        assert (listing.index(key) is None) == (key not in shown)
    assert listing.index("never") is None
    assert [item.key for item in listing.window(3, 4)] == expected[3:7]
    assert listing.window(-5, 5) == [] or listing.window(0, 0) == []
    with pytest.raises(IndexError):
        listing.key_at(len(expected))


async def run(steps: list[Any]) -> None:
    listing: Listing[Item] = Listing(COLUMNS, "value")
    items: dict[str, Item] = {}
    column, descending, accepts = VALUE, False, FILTERS[0]
    for step in steps:
        if isinstance(step, Delta):
            if step.reset:
                items = {}
            for key in step.removed:
                items.pop(key, None)
            items.update(step.upserts)
            await listing.apply(step)
        else:
            column, descending, accepts = step[0], step[1], FILTERS[step[2]]
            await listing.arrange(column, descending, accepts)
            assert (listing.sort, listing.descending) == (column, descending)
        check(listing, items, order(items, column, descending, accepts))


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_any_change(steps: list[Any]) -> None:
    asyncio.run(run(steps))


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_any_change_in_bulk(steps: list[Any]) -> None:
    """The same by sorting anew, as for large deltas, and in slices."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BULK", 0)
        patch.setattr(module, "SLICE_SECONDS", 0.0)
        asyncio.run(run(steps))


def many(count: int) -> dict[str, Item]:
    return {f"{n:06}": Item(f"{n:06}", n * 7919 % 1000, f"n{n % 13}") for n in range(count)}


async def test_a_cancelled_arrangement_changes_nothing() -> None:
    listing: Listing[Item] = Listing(COLUMNS, "value")
    items = many(20_000)
    await listing.apply(Delta(reset=True, upserts=dict(items)))
    task = asyncio.create_task(listing.arrange(NAME, True, FILTERS[1]))
    await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert (listing.sort, listing.descending) == (VALUE, False)
    items["000001"] = Item("000001", 3.5)
    await listing.apply(Delta(upserts={"000001": items["000001"]}))
    assert [item.key for item in listing.window(0, 30_000)] == order(items, VALUE, False, None)


async def test_the_old_order_is_whole_while_a_new_one_is_made() -> None:
    listing: Listing[Item] = Listing(COLUMNS, "value")
    items = many(20_000)
    await listing.apply(Delta(reset=True, upserts=dict(items)))
    before = [item.key for item in listing.window(0, 10)]
    task = asyncio.create_task(listing.arrange(VALUE, True, FILTERS[1]))
    looks = 0
    while not task.done():
        await asyncio.sleep(0)
        if listing.descending:
            break
        looks += 1
        assert [item.key for item in listing.window(0, 10)] == before
        assert listing.index(before[3]) == 3
    await task
    assert looks > 0
    check(listing, items, order(items, VALUE, True, FILTERS[1]))


async def test_a_change_meanwhile_waits_its_turn() -> None:
    listing: Listing[Item] = Listing(COLUMNS, "value")
    items = many(20_000)
    await listing.apply(Delta(reset=True, upserts=dict(items)))
    items["new"] = Item("new", 5)
    del items["000007"]
    await asyncio.gather(
        listing.arrange(NAME, False, None), listing.apply(Delta(upserts={"new": items["new"]}, removed={"000007"}))
    )
    check(listing, items, order(items, NAME, False, None))


def test_an_unknown_sort_column_is_the_first() -> None:
    assert Listing(COLUMNS, "nonsense").sort is VALUE


def test_a_row_is_safe_to_draw() -> None:
    hostile: Column[Item] = Column(
        "x", "X", 5, lambda item, _: Cell(item.name, glyph="\x1b]0;x\x07"), lambda item: item.name
    )
    (cell,) = row((hostile,), Item("k", 0, "a\x1b[31mb\x9b1m"), 0.0)
    assert cell.text == "a␛[31mb�1m"
    assert "\x1b" not in cell.glyph
