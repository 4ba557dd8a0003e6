"""What the metrics pane shows: a panel is one query of one source, with its series over a range of time."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from msgspec import Struct

Labels = tuple[tuple[str, str], ...]
"""Sorted pairs of name and value; the metric's own name is `__name__`, first or missing."""


class Series(Struct, frozen=True, gc=False):
    """One line of a panel. `times` and `values` are columns of equal length that nobody changes."""

    labels: Labels
    value: float | None
    """Now (the instant query); None when the series has no current value."""
    times: array[float]
    """Unix seconds, rising; a step without a value is missing."""
    values: array[float]

    @property
    def points(self) -> list[tuple[float, float]]:
        """(unix, value) in order of time."""
        return list(zip(self.times, self.values, strict=True))

    @property
    def last(self) -> float | None:
        """The current value: a series that has ended shows none, however many points it has."""
        return self.value

    @property
    def low(self) -> float | None:
        """The least finite value of the range and now; None when there is none. 10 us for 360 points, not kept."""
        return min((*_finite(self.values), *_finite(self._now)), default=None)

    @property
    def high(self) -> float | None:
        return max((*_finite(self.values), *_finite(self._now)), default=None)

    @property
    def _now(self) -> Sequence[float]:
        return () if self.value is None else (self.value,)

    @property
    def average(self) -> float | None:
        finite = _finite(self.values)
        return sum(finite) / len(finite) if finite else None

    @property
    def legend(self) -> str:
        """As PromQL writes it: `up{job="node"}`."""
        name = dict(self.labels).get("__name__", "")
        inner = ", ".join(f"{label}={quoted(value)}" for label, value in self.labels if label != "__name__")
        return f"{name}{{{inner}}}" if inner or not name else name


class Position(Struct, frozen=True, gc=False):
    """A place in a query, counted from 1 in characters."""

    line: int
    column: int


class Panel(Struct, frozen=True, gc=False):
    """A query and its answer. An error of the query is the panel's own; the source may be live all the same."""

    source: str
    title: str
    """Unique in its source."""
    query: str
    unit: str
    range_seconds: float
    step_seconds: float
    end: float
    """The newest step, Unix seconds, a multiple of the step; 0 when it was never read."""
    series: tuple[Series, ...] = ()
    """Sorted by labels."""
    more: int = 0
    """Series beyond the cap, which are not kept."""
    error: str | None = None
    position: Position | None = None
    """Of a parse error, in `query`."""
    warnings: tuple[str, ...] = ()
    direct: bool = False
    """Evaluated by cockpit from a `/metrics` page, without a Prometheus."""
    production: bool = False
    read_only: bool = False

    @property
    def key(self) -> str:
        return f"{self.source}/{self.title}"

    @property
    def start(self) -> float:
        """The oldest step that the range may show."""
        return self.end - self.range_seconds

    @property
    def top(self) -> Series | None:
        """The series with the highest current value: the one to show where there is room for one."""
        return max(self.series, key=lambda s: _rank(s.value), default=None)

    @property
    def last(self) -> float | None:
        """The highest current value; None when no series has one (any more)."""
        return None if self.top is None else self.top.value

    @property
    def low(self) -> float | None:
        """The lowest finite value of all series in the range."""
        return min((low for s in self.series if (low := s.low) is not None), default=None)

    @property
    def high(self) -> float | None:
        return max((high for s in self.series if (high := s.high) is not None), default=None)


def same(left: Series, right: Series) -> bool:
    """Bit for bit: a NaN equals itself here, so an unchanged panel is known to be unchanged."""
    return (
        left.labels == right.labels
        and (left.value == right.value or (left.value != left.value and right.value != right.value))
        and left.times.tobytes() == right.times.tobytes()
        and left.values.tobytes() == right.values.tobytes()
    )


def unchanged(old: Panel, new: Panel) -> bool:
    """Whether the new panel shows just what the old one did."""
    if (old.end, old.error, old.position, old.warnings, old.more) != (
        new.end,
        new.error,
        new.position,
        new.warnings,
        new.more,
    ):
        return False
    return len(old.series) == len(new.series) and all(map(same, old.series, new.series))


def quoted(value: str) -> str:
    """A label value as PromQL writes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _finite(values: Sequence[float]) -> Sequence[float]:
    """The sum tells at once whether any is not."""
    return values if math.isfinite(sum(values)) else [value for value in values if math.isfinite(value)]


def _rank(value: float | None) -> float:
    return -math.inf if value is None or math.isnan(value) else value
