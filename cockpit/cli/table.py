"""Rows on stdout as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.listing.cells import Column
    from cockpit.model.changes import T


def table(items: Sequence[T], columns: Sequence[Column[T]], now: float) -> Iterator[str]:
    """Lines, the titles first. Safe for a terminal. `now` in Unix seconds."""
    from rich.cells import cell_len

    from cockpit.listing.cells import row

    lines = [tuple(column.title for column in columns)]
    for item in items:
        cells = row(columns, item, now)
        lines.append(tuple(f"{cell.glyph} {cell.text}" if cell.glyph else cell.text for cell in cells))
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        parts = []
        for text, width, column in zip(line, widths, columns, strict=True):
            gap = " " * (width - cell_len(text))
            parts.append(gap + text if column.align == "right" else text + gap)
        yield "  ".join(parts).rstrip()
