"""The range of one query, kept between refreshes so that only its new steps are fetched."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from cockpit.metrics.answer import Column
from cockpit.metrics.panel import Labels

OVERLAP_SECONDS = 60.0
"""Steps this young are fetched again: a scrape or a recording rule may come late."""
OVERLAP_STEPS = 2
WHOLE_SECONDS = 900.0
"""After this the whole is fetched again, for what came later still (backfill, remote write)."""


class History:
    """Columns of a range by labels. Bounded by the range: older points fall out with every merge."""

    def __init__(self, range_seconds: float, step: float) -> None:
        self.range_seconds = range_seconds
        self.step = step
        self.columns: dict[Labels, Column] = {}
        self._end = 0.0
        self._whole = 0.0

    def fetch_from(self, end: float) -> float:
        """The first step to ask for when the newest is `end`."""
        start = end - self.range_seconds
        if not self._end or end < self._end or end - self._whole >= WHOLE_SECONDS:
            return start
        overlap = max(OVERLAP_SECONDS, OVERLAP_STEPS * self.step)
        return max(start, self._end - overlap // self.step * self.step)

    def merge(self, fetched_from: float, end: float, fetched: Iterable[Column]) -> None:
        """Everything from `fetched_from` to `end` is what was fetched, and nothing else."""
        start = end - self.range_seconds
        if fetched_from <= start:
            self.columns = {column.labels: column for column in fetched}
            self._end = self._whole = end
            return
        new = {column.labels: column for column in fetched}
        merged: dict[Labels, Column] = {}
        for labels, old in self.columns.items():
            low, high = bisect_left(old.times, start), bisect_left(old.times, fetched_from)
            tail = new.pop(labels, None)
            times, values = old.times[low:high], old.values[low:high]
            if tail is not None:
                times += tail.times
                values += tail.values
            if times:
                merged[labels] = Column(labels, times, values)
        merged.update(new)
        self.columns = merged
        self._end = end

    def forget(self) -> None:
        """Fetch the whole next time."""
        self.columns = {}
        self._end = self._whole = 0.0


EMPTY: array[float] = array("d")
