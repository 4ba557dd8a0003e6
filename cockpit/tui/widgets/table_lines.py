"""What a table has painted, what of it differs now, and how a line looks. No widget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region

from cockpit.listing.cells import Cell, Column
from cockpit.tui.terminal.cells import fitted, width
from cockpit.tui.widgets.grid import Slot, shown

GUTTER = 2
"""Cells for the cursor and the mark."""
HEADER = 1
FEW_CELLS = 4
"""From more differing cells on, the whole line is cheaper."""
CURSOR, CURSOR_ASIDE, MARK, THUMB = "▌", "│", "*", "┃"


class Line(Struct, frozen=True, gc=False):
    """A row as painted."""

    key: str
    cells: tuple[Cell, ...]
    cursor: bool
    mark: bool


def differing(
    y: int,
    new: Line | None,
    old: Line | None,
    columns: Sequence[Column[Any]],
    slots: Sequence[Slot],
    *,
    left: int,
    standing: int,
    room: int,
) -> list[Region]:
    """The regions of line `y` to repaint. `left` is the sideways scroll past the `standing` cells, `room` the cells
    without the bar."""
    line = Region(0, y, max(0, room), 1)
    if new is None or old is None:
        return [line]
    cursor = new.cursor != old.cursor
    places = [
        place
        for place, (a, b) in enumerate(zip(new.cells, old.cells, strict=True))
        if a != b or (cursor and place == 0)
    ]
    if len(places) > FEW_CELLS:
        return [line]
    regions = [Region(0, y, 1, 1)] if cursor else []
    if new.mark != old.mark:
        regions.append(Region(1, y, 1, 1))
    for place in places:
        start, end = _extent(columns[place], slots[place], new.cells[place], old.cells[place])
        if slots[place].left >= standing:
            start, end = max(start - left, standing), end - left
        start, end = start + GUTTER, min(end + GUTTER, room)
        if start < end:
            regions.append(Region(start, y, end - start, 1))
    return regions


def _extent(column: Column[Any], slot: Slot, new: Cell, old: Cell) -> tuple[int, int]:
    """The cells of a column that either text takes."""
    taken = min(slot.width, max(width(shown(new)), width(shown(old))) + 1)
    if column.align == "right":
        return slot.left + slot.width - taken, slot.left + slot.width
    return slot.left, slot.left + taken


def thumb_span(rows: int, top: int, height: int) -> tuple[int, int]:
    """Where the thumb of the bar begins and ends; (0, 0) when all rows are in view."""
    if rows <= height or height <= 0:
        return (0, 0)
    size = max(1, height * height // rows)
    start = round(top / (rows - height) * (height - size))
    return (start, start + size)


def row_segments(
    line: Line, columns: Sequence[Column[Any]], slots: Sequence[Slot], style: Callable[[str], Style], *, focused: bool
) -> tuple[list[Segment], list[Segment]]:
    """The gutter and the columns of a row. `style` gives the style of a tone."""
    segments: list[Segment] = []
    end = 0
    for place, (cell, slot, column) in enumerate(zip(line.cells, slots, columns, strict=True)):
        if slot.left > end:
            segments.append(Segment(" " * (slot.left - end), style("")))
        look = style(cell.tone)
        if place == 0 and line.cursor and focused:
            look = look + style("cursor")
        segments.append(Segment(fitted(shown(cell), slot.width, column.align, column.elide), look))
        end = slot.left + slot.width
    cursor = (CURSOR if focused else CURSOR_ASIDE) if line.cursor else " "
    gutter = [
        Segment(cursor, style("mark" if line.cursor else "")),
        Segment(MARK if line.mark else " ", style("mark" if line.mark else "")),
    ]
    return gutter, segments


def header_text(columns: Sequence[Column[Any]], slots: Sequence[Slot], sort: str, descending: bool) -> str:
    """The titles, with an arrow at the column that is sorted by."""
    text, end = "", 0
    for column, slot in zip(columns, slots, strict=True):
        title = column.title
        if column.id == sort and slot.width:
            arrow = "↓" if descending else "↑"
            title = fitted(title, min(slot.width - 1, width(title)))
            title = arrow + title if column.align == "right" else title + arrow
        text += " " * (slot.left - end) + fitted(title, slot.width, column.align)
        end = slot.left + slot.width
    return text
