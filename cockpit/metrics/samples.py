"""Samples of a `/metrics` page in memory, and the two things evaluated over them: a selector and `rate`.

The semantics are those of Prometheus 2.42 (promql/engine.go, promql/functions.go): lookback of five minutes, staleness
when a series or the page goes away, rate with extrapolation and counter resets. Windows are closed on the left there;
from 3.0 on they are open (prometheus/prometheus#13904), which `left_open` chooses.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from cockpit.metrics.answer import Column, QueryError
from cockpit.metrics.exposition import Sample
from cockpit.metrics.panel import Labels
from cockpit.metrics.selector import Expression

LOOKBACK_SECONDS = 300.0
SERIES_MOST = 20_000
POINTS_MOST = 4_000
TOTAL_MOST = 4_000_000
"""Samples in all, 16 bytes each."""


class Ring:
    """The samples of one series in order of time, and when it was gone."""

    __slots__ = ("gaps", "times", "values")

    def __init__(self) -> None:
        self.times: array[float] = array("d")
        self.values: array[float] = array("d")
        self.gaps: array[float] = array("d")

    def add(self, at: float, value: float) -> None:
        if not self.times or at > self.times[-1]:
            self.times.append(at)
            self.values.append(value)

    def end(self, at: float) -> None:
        if self.times and (not self.gaps or self.gaps[-1] < self.times[-1]):
            self.gaps.append(at)

    def cut(self, before: float, most: int) -> None:
        """Forget what is older, and the oldest beyond `most`. Done in bulk, when an eighth can go."""
        old = max(bisect_left(self.times, before), len(self.times) - most)
        if old * 8 > len(self.times):
            del self.times[:old], self.values[:old]
            del self.gaps[: bisect_left(self.gaps, self.times[0] if self.times else math.inf)]

    def at(self, instant: float) -> float | None:
        """The value that a selector sees at that moment."""
        place = bisect_right(self.times, instant) - 1
        if place < 0 or self.times[place] < instant - LOOKBACK_SECONDS:
            return None
        gap = bisect_right(self.gaps, self.times[place])
        if gap < len(self.gaps) and self.gaps[gap] <= instant:
            return None
        return self.values[place]

    def rate(self, instant: float, window: float, left_open: bool) -> float | None:
        begin = instant - window
        find = bisect_right if left_open else bisect_left
        return rate(self.times, self.values, find(self.times, begin), bisect_right(self.times, instant), begin, instant)


class Samples:
    """All series of one page. Bounded by age, by series and in all."""

    def __init__(self, keep_seconds: float) -> None:
        self._keep = keep_seconds
        self.rings: dict[Labels, Ring] = {}
        self.dropped = 0
        """Series of the newest page beyond the cap, which are not kept."""

    def add(self, samples: Iterable[Sample], now: float) -> None:
        """A whole page read at `now`: series that it lacks have ended."""
        now = round(now, 3)
        seen: set[Labels] = set()
        self.dropped = 0
        for sample in samples:
            ring = self.rings.get(sample.labels)
            if ring is None:
                if len(self.rings) >= SERIES_MOST:
                    self.dropped += 1
                    continue
                ring = self.rings[sample.labels] = Ring()
            ring.add(now if sample.at is None else sample.at, sample.value)
            seen.add(sample.labels)
        self._settle(now, seen)

    def lost(self, now: float) -> None:
        """The page could not be read: every series has ended."""
        self._settle(round(now, 3), set())

    def _settle(self, now: float, seen: set[Labels]) -> None:
        most = min(POINTS_MOST, max(16, TOTAL_MOST // max(1, len(self.rings))))
        for labels, ring in list(self.rings.items()):
            if labels not in seen:
                ring.end(now)
            ring.cut(now - self._keep, most)
            if not ring.times or ring.times[-1] < now - self._keep:
                del self.rings[labels]


def evaluate(
    rings: Sequence[tuple[Labels, Ring]], expression: Expression, steps: Sequence[float], left_open: bool = False
) -> list[Column]:
    """A range of an expression: `rings` are the series that its selector admits. Raises QueryError."""
    window = expression.window_seconds
    found: dict[Labels, Column] = {}
    for labels, ring in rings:
        if window is None:
            points = [(step, value) for step in steps if (value := ring.at(step)) is not None]
        else:
            points = [(step, value) for step in steps if (value := ring.rate(step, window, left_open)) is not None]
            labels = tuple(pair for pair in labels if pair[0] != "__name__")
            if points and labels in found:
                raise QueryError("vector cannot contain metrics with the same labelset")
        if points:
            found[labels] = Column(labels, array("d", [p[0] for p in points]), array("d", [p[1] for p in points]))
    return list(found.values())


def rate(
    times: Sequence[float], values: Sequence[float], first: int, stop: int, begin: float, end: float
) -> float | None:
    """Per-second increase of the counter samples [first, stop) in the window, extrapolated to its edges.

    extrapolatedRate of Prometheus 2.42, in its order of operations and its milliseconds, so equal to the last bit.
    """
    if stop - first < 2:
        return None
    oldest, newest = _millis(times[first]), _millis(times[stop - 1])
    increase = values[stop - 1] - values[first]
    before = values[first]
    for place in range(first + 1, stop):
        value = values[place]
        if value < before:
            increase += before
        before = value
    to_start = (oldest - _millis(begin)) / 1000
    to_end = (_millis(end) - newest) / 1000
    sampled = (newest - oldest) / 1000
    average = sampled / (stop - first - 1)
    if increase > 0 and values[first] >= 0:
        to_start = min(to_start, sampled * (values[first] / increase))
    threshold = average * 1.1
    covered = sampled
    covered += to_start if to_start < threshold else average / 2
    covered += to_end if to_end < threshold else average / 2
    factor = covered / sampled
    factor /= (_millis(end) - _millis(begin)) / 1000
    return increase * factor


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
