"""Where the columns of a table stand: natural widths measured once, then shared out over the room there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from cockpit.listing.cells import Cell, Column
from cockpit.model.changes import T
from cockpit.tui.terminal.cells import width

WIDEST = 80
"""A column never takes more cells than that."""
WIDEST_GAP = 3


class Slot(Struct, frozen=True):
    """The place of a column, from the left edge of the columns."""

    left: int
    width: int


def shown(cell: Cell) -> str:
    """The text of a cell as it is drawn."""
    return f"{cell.glyph} {cell.text}" if cell.glyph else cell.text


def natural(columns: Sequence[Column[T]], rows: Iterable[Sequence[Cell]]) -> list[int]:
    """The width that each column would like, for these rows."""
    widths = [max(column.width, width(column.title) + 1) for column in columns]  # one for the arrow
    for cells in rows:
        for place, cell in enumerate(cells):
            taken = width(cell.text) + (2 if cell.glyph else 0)
            if taken > widths[place]:
                widths[place] = min(taken, WIDEST)
    return widths


def share(columns: Sequence[Column[T]], wishes: Sequence[int], room: int) -> list[Slot]:
    """Places for the columns; what is left over becomes gaps.

    Where room is short the widest give way first, down to `Column.width`, then those with a `Column.least` down to it,
    each in proportion. Wider than `room` in the end: the table scrolls sideways.
    """
    gaps = max(0, len(columns) - 1)
    widths = _narrowed(wishes, [max(column.width, 1) for column in columns], room - gaps)
    excess = sum(widths) + gaps - room
    if excess > 0:
        widths = _squeezed(
            widths, [min(column.least or wide, wide) for column, wide in zip(columns, widths, strict=True)], excess
        )
        excess = 0
    gap = 1 + (min(WIDEST_GAP - 1, -excess // gaps) if excess < 0 and gaps else 0)
    slots, left = [], 0
    for taken in widths:
        slots.append(Slot(left, taken))
        left += taken + gap
    return slots


def standing(columns: Sequence[Column[T]], slots: Sequence[Slot], room: int) -> int:
    """Cells at the left that stay when the table scrolls sideways, the gap after them included."""
    last = max((place for place, column in enumerate(columns) if column.frozen), default=-1) + 1
    cells = slots[last].left if 0 < last < len(slots) else 0
    return cells if cells <= room // 2 else 0


def _narrowed(wishes: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """One cell at a time from the widest that may still give."""
    widths = list(wishes)
    for _ in range(sum(widths) - room):
        giving = [place for place in range(len(widths)) if widths[place] > least[place]]
        if not giving:
            break
        widths[max(giving, key=lambda place: widths[place])] -= 1
    return widths


def _squeezed(widths: Sequence[int], least: Sequence[int], excess: int) -> list[int]:
    """`excess` cells taken, from each in proportion to what it can give."""
    can = [wide - low for wide, low in zip(widths, least, strict=True)]
    if excess >= sum(can):
        return list(least)
    upto = [sum(can[: place + 1]) * excess // sum(can) for place in range(len(can))]
    return [wide - (upto[place] - (upto[place - 1] if place else 0)) for place, wide in enumerate(widths)]
