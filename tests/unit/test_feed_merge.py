"""Whatever the sources say, the feed is their union and each follower can replay it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from cockpit.feeds.feed import Feed
from cockpit.model.changes import Change, Confirm, Delta, Remove, Reset, Upsert


class Item(Struct, frozen=True):
    key: str
    value: int


class Scripted:
    """An adapter that says what it is told; `say` returns when the feed has taken it."""

    silence = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._said: asyncio.Queue[tuple[Change[Item] | Exception, asyncio.Event]] = asyncio.Queue()

    async def watch(self) -> AsyncIterator[Change[Item]]:
        while True:
            change, taken = await self._said.get()
            if isinstance(change, Exception):
                taken.set()
                raise change
            yield change
            taken.set()

    async def say(self, change: Change[Item] | Exception) -> None:
        taken = asyncio.Event()
        self._said.put_nowait((change, taken))
        await taken.wait()


NAMES = ("a", "b", "c")
FOREIGN = st.sampled_from([f"{name}/{n}" for name in NAMES for n in range(6)])


def changes(name: str) -> st.SearchStrategy[Any]:
    own = st.builds(Item, st.sampled_from([f"{name}/{n}" for n in range(6)]), st.integers(0, 3))
    items = st.lists(own, max_size=6).map(tuple)
    return st.one_of(
        items.map(lambda value: Reset(value)),
        items.map(lambda value: Upsert(value)),
        # A source may name what it never had, even what is another's.
        st.lists(FOREIGN, max_size=4).map(lambda keys: Remove(tuple(keys))),
        st.just(Confirm()),
        st.just(ConnectionError("cut")),
    )


STEPS = st.lists(
    st.one_of(
        st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), changes(name))),
        st.tuples(st.just("look"), st.integers(0, 2)),
    ),
    max_size=40,
)


def _apply(state: dict[str, Item], change: Any) -> None:
    match change:
        case Reset(items=items):
            state.clear()
            state.update({item.key: item for item in items})
        case Upsert(items=items):
            state.update({item.key: item for item in items})
        case Remove(keys=keys):
            for key in keys:
                state.pop(key, None)


def _replay(state: dict[str, Item], delta: Delta[Item]) -> None:
    assert not delta.upserts.keys() & delta.removed
    if delta.reset:
        state.clear()
    for key in delta.removed:
        state.pop(key, None)
    state.update(delta.upserts)


async def _check(steps: list[tuple[str, Any]]) -> None:
    sources = {name: Scripted(name) for name in NAMES}
    feed: Feed[Item] = Feed(list(sources.values()), backoff_seconds=(0.0, 0.0))
    expected: dict[str, dict[str, Item]] = {name: {} for name in NAMES}
    running = asyncio.create_task(feed.run())
    replayed: list[dict[str, Item]] = [{}, {}, {}]
    async with aclosing(feed.follow(period=0)) as one, aclosing(feed.follow(period=0)) as two:  # type: ignore[type-var]
        follows = [one, two]
        for follow, state in zip(follows, replayed, strict=False):
            _replay(state, await anext(follow))
        for who, what in steps:
            if who == "look":
                if what < 2:
                    waiting = asyncio.ensure_future(anext(follows[what]))
                    await asyncio.sleep(0)
                    await sources["a"].say(Upsert((Item("a/0", len(replayed)),)))
                    _apply(expected["a"], Upsert((Item("a/0", len(replayed)),)))
                    _replay(replayed[what], await waiting)
                continue
            await sources[who].say(what)
            _apply(expected[who], what)
            union = {key: item for state in expected.values() for key, item in state.items()}
            assert dict(feed.items) == union
        # One more change, so that both followers have something to see; then they have seen all.
        await sources["b"].say(Upsert((Item("b/last", 1),)))
        for follow, state in zip(follows, replayed, strict=False):
            _replay(state, await anext(follow))
            assert state == dict(feed.items)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not feed._followers


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_the_union_of_the_sources(steps: list[tuple[str, Any]]) -> None:
    asyncio.run(_check(steps))
