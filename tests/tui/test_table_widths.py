"""Columns share the room: air first, then what a column can spare, then the table scrolls sideways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cockpit.config.settings import Settings
from cockpit.listing.cells import Cell, Column
from cockpit.session.panes import build_panes
from cockpit.tui.terminal.cells import fitted
from cockpit.tui.widgets.grid import natural, share, standing


def column(title: str, width: int, least: int = 0, *, frozen: bool = False) -> Column[Any]:
    return Column(title, title, width, lambda *_: Cell(""), lambda _: 0, least=least, frozen=frozen)


COLUMNS = (column("space", 12, 8), column("name", 32, 16, frozen=True), column("status", 18), column("age", 5))


def widths(room: int, wishes: Sequence[int] = (14, 40, 24, 5)) -> list[int]:
    return [slot.width for slot in share(COLUMNS, wishes, room)]


def test_room_for_all() -> None:
    assert widths(200) == [14, 40, 24, 5]


def test_the_widest_give_way_to_their_width() -> None:
    assert widths(14 + 36 + 24 + 5 + 3) == [14, 36, 24, 5]
    assert widths(12 + 32 + 18 + 5 + 3) == [12, 32, 18, 5]


@pytest.mark.parametrize("room", range(50, 71))
def test_then_what_can_be_spared_and_all_is_in_view(room: int) -> None:
    found = share(COLUMNS, (14, 40, 24, 5), room)
    assert found[-1].left + found[-1].width == room
    assert found[0].width >= 8
    assert found[1].width >= 16
    assert [slot.width for slot in found[2:]] == [18, 5]


def test_less_than_the_least_scrolls() -> None:
    assert widths(40) == widths(1) == [8, 16, 18, 5]


def test_the_identifying_columns_stand_if_they_leave_half() -> None:
    columns = (*COLUMNS, column("address", 14), column("node", 12))
    slots = share(columns, [column.width for column in columns], 60)
    assert standing(columns, slots, 60) == slots[2].left == 26
    assert standing(columns, slots, 51) == 0
    assert standing(columns[2:], slots[2:], 60) == 0
    assert standing(columns[:2], slots[:2], 60) == 0


def test_a_name_loses_its_middle() -> None:
    assert fitted("fraud-scoring-8565c49dd9-5tgxw", 21, elide="middle") == "fraud-scoring…9-5tgxw"
    assert fitted("fraud-scoring", 13, elide="middle") == "fraud-scoring"
    assert [fitted("abcdef", n, elide="middle") for n in range(6)] == ["", "…", "a…", "a…f", "ab…f", "abc…f"]


@pytest.mark.parametrize("name", ["fleet", "pods", "pipelines"])
def test_half_a_screen_holds_every_column(name: str) -> None:
    """A pane of 78 cells, without the wide columns: gutter and bar take three."""
    columns = [column for column in build_panes(Settings())[name].columns if not column.wide]
    last = share(columns, natural(columns, []), 75)[-1]
    assert last.left + last.width <= 75
