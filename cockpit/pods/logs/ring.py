"""The lines that are kept of what is followed: on disk, the oldest dropped by the segment and counted. Blocking.

Lines have numbers that never change: the first that came is 0. What falls off is counted; what cannot be written
because the disk is full pushes out the oldest, and is kept in memory where that does not help.
"""

from __future__ import annotations

import errno
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from cockpit.pods.logs.segment import Segment

DISK_BYTES = 512 * 1024 * 1024
MEMORY_BYTES = 16 * 1024 * 1024
"""Kept in memory while the disk is full."""
SEGMENT_BYTES = 4 * 1024 * 1024
MOST_LINES = 4_000_000
"""Six bytes of memory for each."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Line(Struct, frozen=True, gc=False):
    """One line that is kept."""

    number: int
    data: bytes
    """With the server's timestamp before it."""
    tag: int
    """The number of its stream, and the bits of `stream`."""


class Ring:
    """At most `disk_bytes` of lines, in files without a name."""

    def __init__(
        self, folder: Path | None, *, disk_bytes: int = DISK_BYTES, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """None for a folder: all is kept in memory."""
        self._folder = folder
        self._disk_bytes, self._segment_bytes = disk_bytes, min(segment_bytes, max(1, disk_bytes // 4))
        self._segments: list[Segment] = []
        self._firsts: list[int] = []
        self.end = 0
        """One past the number of the newest line."""
        self.dropped = 0
        """Lines that fell off; those that were cleared do not count."""
        self.cleared = 0
        """Lines below this number are not to be shown any more."""
        self.fault = ""
        """Why lines are kept in memory; empty: they are not."""
        self.bytes = 0

    @property
    def first(self) -> int:
        """The number of the oldest line that is shown."""
        return max(self._firsts[0], self.cleared) if self._segments else self.end

    def __len__(self) -> int:
        return self.end - self.first

    # -- writing

    def add(self, lines: Sequence[bytes], tags: Sequence[int]) -> None:
        """Raises OSError for a disk that fails otherwise than by being full."""
        segment = self._segments[-1] if self._segments else self._new()
        if segment.size >= self._segment_bytes:
            segment = self._new()
        while not self._added(segment, lines, tags):
            if len(self._segments) > 1 and not self._segments[0].in_memory:
                self._drop()
            else:
                segment = self._new(memory=True)
        self.end += len(lines)
        self._trim()

    def _added(self, segment: Segment, lines: Sequence[bytes], tags: Sequence[int]) -> bool:
        before = segment.size
        try:
            segment.add(lines, tags)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            self.fault = f"{error.strerror}: the last {MEMORY_BYTES >> 20} MiB are kept in memory"
            return False
        self.bytes += segment.size - before
        if not segment.in_memory:
            self.fault = ""
        return True

    def _new(self, *, memory: bool = False) -> Segment:
        """An empty last one is replaced: two segments never begin with the same line."""
        if self._segments and not len(self._segments[-1]):
            self._segments.pop().close()
            self._firsts.pop()
        try:
            made = Segment(None if memory else self._folder, self.end)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            made = Segment(None, self.end)
        self._segments.append(made)
        self._firsts.append(made.first)
        return made

    def _trim(self) -> None:
        while len(self._segments) > 1 and (
            self.bytes > self._disk_bytes
            or self.end - self._firsts[0] > MOST_LINES
            or sum(segment.size for segment in self._segments if segment.in_memory) > MEMORY_BYTES
        ):
            self._drop()

    def _drop(self) -> None:
        gone = self._segments.pop(0)
        self._firsts.pop(0)
        self.bytes -= gone.size
        self.dropped += max(0, gone.first + len(gone) - max(gone.first, self.cleared))
        gone.close()

    def clear(self, below: int) -> None:
        """Do not show what comes before this line any more; its space is given back by the segment."""
        self.cleared = max(self.cleared, min(below, self.end))
        while len(self._segments) > 1 and self._firsts[1] <= self.cleared:
            self._drop()
        self.dropped = 0

    def close(self) -> None:
        for segment in self._segments:
            segment.close()
        self._segments, self._firsts = [], []

    # -- reading

    def line(self, number: int) -> Line:
        """Raises IndexError when it has fallen off or is not there yet."""
        if not self.first <= number < self.end:
            raise IndexError(number)
        segment = self._segments[bisect_right(self._firsts, number) - 1]
        place = number - segment.first
        return Line(number, segment.line(place), segment.tags[place])

    def segments(self, start: int) -> Iterator[tuple[Segment, int]]:
        """Those with lines from this number on, each with the place of the first that is meant."""
        start = max(start, self.first)
        for segment in self._segments[max(0, bisect_right(self._firsts, start) - 1) :]:
            if segment.first + len(segment) > start:
                yield segment, max(0, start - segment.first)
