"""How a panel of the metric grid looks: what it shows, the rows it wants, and its lines. No widget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from cockpit.model.printable import printable
from cockpit.model.units import human_number
from cockpit.tui.terminal.cells import fitted, width
from cockpit.tui.widgets.sparks import sparkline

TALLEST = 16
"""Rows of a chart from which on it asks for no more."""
ROOMY = 50
"""A panel so wide has room for lowest and highest beside the chart."""
Piece: TypeAlias = tuple[str, str]
"""(text, style name)"""


class SeriesView(Struct, frozen=True):
    """One line of a panel. None and NaN are gaps."""

    label: str
    values: tuple[float | None, ...]
    last: float | None
    minimum: float | None
    maximum: float | None


class PanelView(Struct, frozen=True):
    """What one panel shows. Text from outside may come as it is."""

    key: str
    title: str
    unit: str = ""
    error: str = ""
    stale: bool = False
    series: tuple[SeriesView, ...] = ()
    more: int = 0
    """Series that there are besides."""


def least_rows(panel: PanelView, most: int) -> int:
    """Title, error, and a line for each of `most` series; a lone one has a chart of its own below."""
    count = min(len(panel.series), most)
    return 1 + bool(panel.error) + (count if count > 1 else 2 * count or int(not panel.error))


def tallest_rows(panel: PanelView, most: int) -> int:
    """The rows from which on it asks for no more."""
    count = min(len(panel.series), most)
    return max(least_rows(panel, most), 1 + bool(panel.error) + count * (1 + TALLEST))


def panel_rows(panel: PanelView, cells: int, height: int, most: int, mark: str) -> list[tuple[Piece, ...]]:
    """Its lines, at most `height`; `mark` is the cursor or a space."""
    shown, total = panel.series[:most], len(panel.series) + panel.more
    words = (
        f"{len(shown)} of {total}" if total > len(shown) else "",
        "stale" if panel.stale else "",
        printable(panel.unit),
    )
    aside = "".join(f" {word}" for word in words if word)
    title = fitted(printable(panel.title), max(0, cells - 1 - width(aside)))
    tone = "warn" if panel.stale else "muted"
    lines: list[tuple[Piece, ...]] = [((mark, "cursor"), (title, "title"), (aside, tone))]
    if panel.error:
        lines.append(((" ", ""), (fitted(f"✗ {printable(panel.error)}", cells - 1), "bad")))
    if not shown and not panel.error:
        lines.append(((fitted(" no data", cells), "muted"),))
    room = height - len(lines)
    if shown and room < 2 * len(shown):
        return lines + _short_rows(shown, cells)
    for place, series in enumerate(shown):
        share = room // len(shown) + (place < room % len(shown))
        lines += _series_rows(series, cells, share - 1)
    return lines


def _series_rows(series: SeriesView, cells: int, height: int) -> list[tuple[Piece, ...]]:
    numbers = f" {_number(series.last)}  {_number(series.minimum)}…{_number(series.maximum)}"
    room = max(0, cells - 1)
    label = fitted(printable(series.label), max(0, room - width(numbers)))
    head: tuple[Piece, ...] = ((" ", ""), (label, ""), (fitted(numbers, min(width(numbers), room)), "muted"))
    return [head, *(((" ", ""), (row, "spark")) for row in sparkline(series.values, room, height))]


def _short_rows(shown: Sequence[SeriesView], cells: int) -> list[tuple[Piece, ...]]:
    """A line each: label, chart, the last value, and lowest and highest where there is room."""
    labels = [printable(series.label) for series in shown]
    last = [_number(series.last) for series in shown]
    spans = [f"{_number(series.minimum)}…{_number(series.maximum)}" if cells >= ROOMY else "" for series in shown]
    wide = max(map(width, spans)) + 2 if cells >= ROOMY else 0
    named = min(max(map(width, labels)), cells // 3)
    numbers = [f" {a.rjust(max(map(width, last)))}{b.rjust(wide)}" for a, b in zip(last, spans, strict=True)]
    room = cells - 2 - named - width(numbers[0])
    if room < 1:
        return [((" ", ""), (fitted(label, cells - 1), "")) for label in labels]
    return [
        (
            (" ", ""),
            (fitted(label, named), ""),
            (" ", ""),
            (sparkline(series.values, room)[0], "spark"),
            (said, "muted"),
        )
        for label, series, said in zip(labels, shown, numbers, strict=True)
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else human_number(value)
