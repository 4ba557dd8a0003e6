"""Which of the kept lines have a text: found in slices, gone on with as lines come. Blocking."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from cockpit.pods.logs import stamp
from cockpit.pods.logs.ring import Ring
from cockpit.pods.logs.segment import Segment

BLOCK_BYTES = 512 * 1024


class Scan:
    """Of one text. A text without capitals finds either case of ASCII letters."""

    def __init__(self, ring: Ring, text: str, *, stamps: bool) -> None:
        """`stamps`: the server's timestamps are shown, so they are looked into as well."""
        self._ring, self._stamps = ring, stamps
        self._fold = not any(character.isupper() for character in text)
        self._needle = text.encode("utf-8", "replace")
        if self._fold:
            self._needle = self._needle.lower()
        self.hits: array[int] = array("q")
        """Numbers of the lines found so far, ascending."""
        self._at = ring.first

    @property
    def done(self) -> bool:
        """It has got to the newest line."""
        return self._at >= self._ring.end

    @property
    def count(self) -> int:
        """Lines found among those that are kept."""
        return len(self.hits) - bisect_left(self.hits, self._ring.first)

    def rank(self, number: int) -> int:
        """Which of the lines found that are kept this one is, from 1."""
        return bisect_right(self.hits, number) - bisect_left(self.hits, self._ring.first)

    def advance(self, seconds: float) -> bool:
        """Go on for so long; True when it has got to the end."""
        until = time.monotonic() + seconds
        while not self.done:
            self._at = max(self._at, self._ring.first)
            segment, place = next(self._ring.segments(self._at), (None, 0))
            if segment is None:  # all was cleared
                break
            stop = max(place + 1, bisect_right(segment.starts(), segment.start(place) + BLOCK_BYTES) - 1)
            stop = min(stop, len(segment))
            self.hits.extend(self._found(segment, place, stop))
            self._at = segment.first + stop
            if time.monotonic() > until:
                break
        if self.hits and self.hits[0] < self._ring.first - 100_000:
            del self.hits[: bisect_left(self.hits, self._ring.first)]
        return self.done

    def next(self, start: int, by: int) -> int | None:
        """The first line found at or after `start` (by=-1: the last before it), of what was looked through so far."""
        low = bisect_left(self.hits, self._ring.first)
        place = bisect_left(self.hits, start) if by > 0 else bisect_left(self.hits, start) - 1
        return self.hits[place] if low <= place < len(self.hits) else None

    def seen(self, number: int) -> bool:
        """It has looked through all before this line."""
        return self._at >= number

    def _found(self, segment: Segment, place: int, stop: int) -> Iterator[int]:
        base = segment.start(place)
        data = segment.read(base, segment.start(stop))
        if self._fold:
            data = data.lower()
        starts, at = segment.starts(), 0
        while (at := data.find(self._needle, at)) >= 0:
            line = bisect_right(starts, base + at) - 1
            low, high = starts[line] - base, segment.start(line + 1) - base
            text = low if self._stamps else low + stamp.length(data[low : low + 64].upper())
            if at < text:
                at = data.find(self._needle, text, high - 1)
            if at >= 0:
                yield segment.first + line
            at = high


class Chosen:
    """The lines that are shown: all, or those found with some around them."""

    def __init__(self, ring: Ring, scan: Scan | None = None, around: int = 0) -> None:
        """None for a scan: all lines."""
        self._ring, self._scan, self._around = ring, scan, around

    def after(self, number: int) -> Iterator[int]:
        """From this line on, ascending."""
        number = max(number, self._ring.first)
        if self._scan is None:
            yield from range(number, self._ring.end)
            return
        while number < self._ring.end:
            hit = self._scan.next(number - self._around, 1)
            if hit is None:
                return
            number = max(number, hit - self._around)
            if number < self._ring.end:
                yield number
            number += 1

    def before(self, number: int) -> Iterator[int]:
        """Those before this line, descending."""
        number = min(number, self._ring.end)
        if self._scan is None:
            yield from range(number - 1, self._ring.first - 1, -1)
            return
        while number > self._ring.first:
            hit = self._scan.next(number + self._around, -1)
            if hit is None:
                return
            number = min(number - 1, hit + self._around)
            if number >= self._ring.first:
                yield number
