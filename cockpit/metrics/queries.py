"""The queries of a source, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from cockpit.config.settings import MetricQuery, MetricsSource
from cockpit.metrics import timing
from cockpit.metrics.panel import Panel
from cockpit.model import errors

SERIES_MOST = 1000
"""Series that one panel keeps; the rest is counted."""

EXPLORED = "explore"
"""Title of a typed query's panel."""

DEFAULTS = (
    MetricQuery(title="targets up", query="sum by (job) (up)", range="1h"),
    MetricQuery(title="scrape duration", query="max by (job) (scrape_duration_seconds)", unit="s", range="1h"),
    MetricQuery(title="samples", query="sum by (job) (scrape_samples_scraped)", range="1h"),
)
"""For a Prometheus that has no queries in the configuration: what every Prometheus knows."""
DIRECT_DEFAULTS = (
    MetricQuery(title="up", query="up", range="15m"),
    MetricQuery(title="scrape duration", query="scrape_duration_seconds", unit="s", range="15m"),
    MetricQuery(title="process cpu", query="rate(process_cpu_seconds_total[1m])", range="15m"),
    MetricQuery(title="process memory", query="process_resident_memory_bytes", unit="B", range="15m"),
)


class Query(Struct, frozen=True):
    """One query with what its panel needs besides. `fault` says why it cannot be asked at all."""

    title: str
    text: str
    unit: str = ""
    range_seconds: float = 3600.0
    """A multiple of the step."""
    fault: str = ""

    @property
    def step(self) -> float:
        return timing.step_for(self.range_seconds)


def of(source: MetricsSource) -> tuple[Query, ...]:
    """With unique titles, and the defaults where none are configured."""
    configured: Iterable[MetricQuery] = source.queries or (DIRECT_DEFAULTS if source.direct else DEFAULTS)
    seen: dict[str, int] = {}
    found: list[Query] = []
    for query in configured:
        seen[query.title] = count = seen.get(query.title, 0) + 1
        title = query.title if count == 1 else f"{query.title} ({count})"
        try:
            found.append(Query(title, query.query, query.unit, timing.stepped(timing.duration(query.range))))
        except errors.Refused as error:
            found.append(Query(title, query.query, query.unit, fault=f"range: {error}"))
    return tuple(found)


def typed(text: str, range_seconds: float) -> Query:
    """A query that was typed now."""
    return Query(EXPLORED, text, range_seconds=timing.stepped(range_seconds))


def blank(source: MetricsSource, query: Query, end: float) -> Panel:
    """The panel without an answer."""
    return Panel(
        source=source.name,
        title=query.title,
        query=query.text,
        unit=query.unit,
        range_seconds=query.range_seconds,
        step_seconds=query.step,
        end=end,
        error=query.fault or None,
        direct=source.direct,
        production=source.production,
        read_only=source.read_only,
    )
