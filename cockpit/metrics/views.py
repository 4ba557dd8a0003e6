"""What one can look into in the metrics pane."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import msgspec

from cockpit.listing.views import View
from cockpit.metrics.columns import NONE, value_text
from cockpit.metrics.panel import Panel, Series
from cockpit.metrics.report import report
from cockpit.model.units import human_duration


def described(panel: Panel) -> Iterator[str]:
    """The query as it was asked, what was said about it, and its series as a table."""
    yield f"Source:    {panel.source}" + (" (read directly, without a Prometheus)" if panel.direct else "")
    lines = panel.query.split("\n")
    yield f"Query:     {lines[0]}"
    for number, line in enumerate(lines, start=1):
        if number > 1:
            yield f"           {line}"
        if panel.position is not None and panel.position.line == number:
            yield " " * (10 + panel.position.column) + "^"
    if panel.error is not None:
        yield f"Error:     {panel.error}"
    for warning in panel.warnings:
        yield f"Warning:   {warning}"
    if panel.error is not None:
        return
    if panel.end:
        span = f"{human_duration(panel.range_seconds)} to {_moment(panel.end)}"
        yield f"Range:     {span}, a value each {human_duration(panel.step_seconds)}"
    yield f"Series:    {len(panel.series)}" + (f" and {panel.more} more" if panel.more else "")
    yield ""
    yield from _table(panel)


def _table(panel: Panel) -> Iterator[str]:
    rows = [("LAST", "MIN", "MAX", "AVG", "POINTS", "LABELS")]
    rows += [_row(series, panel.unit) for series in panel.series]
    widths = [max(len(row[place]) for row in rows) for place in range(5)]
    for row in rows:
        numbers = "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=False))
        yield f"{numbers}  {row[5]}"


def _row(series: Series, unit: str) -> tuple[str, str, str, str, str, str]:
    return (
        value_text(series.value, unit),
        value_text(series.low, unit),
        value_text(series.high, unit),
        value_text(series.average, unit),
        str(len(series.times)),
        series.legend or NONE,
    )


def _moment(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


async def _describe(panel: Panel) -> AsyncIterator[str]:
    for line in described(panel):
        yield line


async def _json(panel: Panel) -> AsyncIterator[str]:
    def written() -> list[str]:
        return msgspec.json.format(msgspec.json.encode(report(panel, 0.0)), indent=2).decode().split("\n")

    for line in await asyncio.to_thread(written):
        yield line


METRICS_VIEWS: tuple[View[Panel], ...] = (
    View("metrics.describe", "Describe", "d", _describe),
    View("metrics.json", "JSON", "y", _json),
)
