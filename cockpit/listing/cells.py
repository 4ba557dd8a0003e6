"""Columns and cells: what a row shows, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal

from msgspec import Struct

from cockpit.model.changes import T
from cockpit.model.printable import printable
from cockpit.model.tone import Tone


class Cell(Struct, frozen=True, gc=False):
    """What one cell shows. `glyph` is drawn before the text in the same tone, and left out of reports' data."""

    text: str
    tone: Tone = Tone.NORMAL
    glyph: str = ""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A pure view of an item. Neither function does I/O or keeps state."""

    id: str
    title: str
    width: int
    """Cells wide at least, glyph included; the table fits wider once and then stays steady."""
    cell: Callable[[T, float], Cell]
    """(item, now in Unix seconds) -> Cell"""
    sort_key: Callable[[T], Any]
    """Sorts on values, not on text; values of one column are comparable with each other."""
    align: Literal["left", "right"] = "left"
    wide: bool = False
    """Shown only in the wide view."""
    clock: bool = False
    """Changes with the time alone (ages): repainted at most every ten seconds."""
    least: int = 0
    """Still readable so narrow: what the table may take from it before it scrolls sideways; 0: nothing."""
    elide: Literal["end", "middle"] = "end"
    """What a text too long loses; "middle" where the end tells one from another (pod names)."""
    frozen: bool = False
    """It and the columns before it stay when the table scrolls sideways, if they leave half of it."""
    blank: str | None = None
    """A text that says nothing ("n/a"): where all rows say it, the column is left out."""


def telling(columns: Sequence[Column[T]], items: Sequence[T], now: float) -> tuple[Column[T], ...]:
    """Without those that say nothing of any of these items."""
    return tuple(c for c in columns if c.blank is None or any(c.cell(item, now).text != c.blank for item in items))


def row(columns: Sequence[Column[T]], item: T, now: float) -> tuple[Cell, ...]:
    """The cells of an item, safe to draw. The only way from an item to the screen or a report."""
    return tuple([_safe(column.cell(item, now)) for column in columns])


def _safe(cell: Cell) -> Cell:
    text, glyph = printable(cell.text), printable(cell.glyph)
    return cell if text is cell.text and glyph == cell.glyph else Cell(text, cell.tone, glyph)
