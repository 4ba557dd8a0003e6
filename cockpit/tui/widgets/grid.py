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
    """Places for the columns: the widest give way first, down to `Column.width`; what is left over becomes gaps.

    Wider than `room` in the end: the table scrolls sideways.
    """
    widths, least = list(wishes), [max(column.width, 1) for column in columns]
    gaps = max(0, len(columns) - 1)
    excess = sum(widths) + gaps - room
    while excess > 0:
        giving = [place for place in range(len(widths)) if widths[place] > least[place]]
        if not giving:
            break
        widest = max(giving, key=lambda place: widths[place])
        widths[widest] -= 1
        excess -= 1
    gap = 1 + (min(WIDEST_GAP - 1, -excess // gaps) if excess < 0 and gaps else 0)
    slots, left = [], 0
    for taken in widths:
        slots.append(Slot(left, taken))
        left += taken + gap
    return slots
