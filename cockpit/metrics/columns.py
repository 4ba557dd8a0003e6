"""The metrics table: one row a panel."""

from __future__ import annotations

import math

from cockpit.listing.cells import Cell, Column
from cockpit.metrics.panel import Panel
from cockpit.metrics.sparkline import sparkline
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration, human_number

TREND_CELLS = 24
NONE = "-"


def value_text(value: float | None, unit: str) -> str:
    """A value with its unit: "1.5K", "12%", "0.25 req/s"."""
    if value is None:
        return NONE
    if unit in ("B", "bytes") and math.isfinite(value):
        return human_bytes(value)
    number = human_number(value)
    if not unit:
        return number
    return f"{number}{unit}" if unit in ("%", "s") else f"{number} {unit}"


def _title(panel: Panel, _: float) -> Cell:
    if panel.error is not None:
        return Cell(panel.title, Tone.BAD, GLYPHS[Tone.BAD])
    if not panel.series or panel.warnings or panel.more:
        tone = Tone.WARN if panel.series else Tone.MUTED
        return Cell(panel.title, tone, GLYPHS[tone])
    return Cell(panel.title, Tone.NORMAL, GLYPHS[Tone.GOOD])


def _trend(panel: Panel, _: float) -> Cell:
    if panel.error is not None:
        return Cell(panel.error, Tone.BAD)
    top = panel.top
    if top is None:
        return Cell("no data", Tone.MUTED)
    return Cell(sparkline(top.times, top.values, panel.start, panel.end, TREND_CELLS), Tone.ACCENT)


def _count(panel: Panel, _: float) -> Cell:
    return Cell(f"{len(panel.series)}+{panel.more} more" if panel.more else str(len(panel.series)))


def _number(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value


METRICS_COLUMNS: tuple[Column[Panel], ...] = (
    Column("title", "TITLE", 20, _title, lambda p: p.title.lower()),
    Column("last", "LAST", 9, lambda p, _: Cell(value_text(p.last, p.unit)), lambda p: _number(p.last), align="right"),
    Column("trend", "TREND", TREND_CELLS, _trend, lambda p: p.error or ""),
    Column("min", "MIN", 9, lambda p, _: Cell(value_text(p.low, p.unit)), lambda p: _number(p.low), align="right"),
    Column("max", "MAX", 9, lambda p, _: Cell(value_text(p.high, p.unit)), lambda p: _number(p.high), align="right"),
    Column("series", "SERIES", 6, _count, lambda p: len(p.series) + p.more, align="right"),
    Column("unit", "UNIT", 6, lambda p, _: Cell(p.unit), lambda p: p.unit, wide=True),
    Column(
        "range", "RANGE", 5, lambda p, _: Cell(human_duration(p.range_seconds)), lambda p: p.range_seconds, wide=True
    ),
    Column("source", "SOURCE", 8, lambda p, _: Cell(p.source, Tone.MUTED), lambda p: p.source),
    Column("query", "QUERY", 30, lambda p, _: Cell(p.query, Tone.MUTED), lambda p: p.query, wide=True),
)
"""LAST and TREND are those of the series with the highest current value, MIN and MAX those of all series."""
