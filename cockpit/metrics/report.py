"""A panel in the snapshot."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from cockpit.metrics.panel import Panel, Series

Number = float | Literal["NaN", "+Inf", "-Inf"]
"""JSON has no words for what is not finite."""


class SeriesReport(Struct, frozen=True):
    labels: dict[str, str]
    value: Number | None
    """Now; null: the series has no current value."""
    points: list[tuple[float, Number]]
    """[unix seconds, value]; a step without a value is missing."""


class PanelReport(Struct, frozen=True):
    """One query of one source."""

    key: str
    source: str
    title: str
    query: str
    unit: str
    series: list[SeriesReport]
    error: str | None
    """Of the query itself."""


def report(panel: Panel, _: float) -> PanelReport:
    return PanelReport(
        key=panel.key,
        source=panel.source,
        title=panel.title,
        query=panel.query,
        unit=panel.unit,
        series=[_series(one) for one in panel.series],
        error=panel.error,
    )


def number(value: float) -> Number:
    """Finite as it is, else the word that Prometheus uses."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"


def _series(series: Series) -> SeriesReport:
    return SeriesReport(
        labels=dict(series.labels),
        value=None if series.value is None else number(series.value),
        points=[(time, number(value)) for time, value in series.points],
    )
