"""A file of any size as lines, read where one looks: a gigabyte opens at once and is never read as a whole.

A line begins at the start of the file, after each line end, and, so that a file without any can be shown too, at each
multiple of SEAM before which a whole SEAM of bytes has none. That is decided by the bytes right before it alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

SEAM = 8 * 1024
"""Bytes; no line is longer than twice that."""
BLOCK = 64 * 1024
SEARCH_BLOCK = 1 << 20
COUNT_BLOCK = 1 << 20


class Line(Struct, frozen=True, gc=False):
    """Some line of a file."""

    start: int
    """Offset of its first byte."""
    end: int
    """Offset of the next line."""
    data: bytes
    """Without its end."""


class Pages:
    """Of one file, which may still grow, and may not be there yet. All of it blocks: call it in a thread.

    Raises OSError for a file that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._marks: list[tuple[int, int]] = [(0, 0)]
        """(offset, line ends before it), at every COUNT_BLOCK that was counted so far."""

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def size(self) -> int:
        """Bytes by now; 0 while it is not there."""
        if self._file is None:
            try:
                self._file = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return 0
        return os.fstat(self._file).st_size

    def read(self, start: int, count: int) -> bytes:
        """Fewer bytes at the end of the file."""
        return b"" if self._file is None or count <= 0 else os.pread(self._file, count, max(0, start))

    # Lines

    def after(self, start: int, end: int) -> Iterator[Line]:
        """The lines from the one that begins at `start` to the end of the file, which is at `end`."""
        data, base = b"", start
        while start < end:
            limit = start + SEAM if start % SEAM == 0 else (start // SEAM + 2) * SEAM
            if base + len(data) < min(limit, end):
                data, base = self.read(start, BLOCK), start
                if not data:
                    return
            found = data.find(b"\n", start - base, limit - base)
            stop = base + found + 1 if found >= 0 else min(limit, end)
            whole = data[start - base : stop - base]
            yield Line(start, stop, whole.removesuffix(b"\n"))
            start = stop

    def before(self, start: int) -> Iterator[Line]:
        """The lines before the one that begins at `start`, the nearest first."""
        while start > 0:
            at = self._begin_before(start)
            yield Line(at, start, self.read(at, start - at).removesuffix(b"\n"))
            start = at

    def begin(self, offset: int) -> int:
        """Where the line begins that the byte at `offset` is in."""
        return self._begin_before(offset + 1)

    def _begin_before(self, start: int) -> int:
        """The last beginning of a line below `start`, which is more than 0."""
        low = max(0, start - 3 * SEAM)
        found = self.read(low, start - 1 - low).rfind(b"\n")
        after_end = low + found + 1 if found >= 0 else 0
        seam = (start - 1) // SEAM * SEAM
        return seam if seam - SEAM >= after_end else after_end

    # Places

    def find(self, needle: bytes, start: int, end: int, *, fold: bool) -> int | None:
        """Offset of the first place of the text that begins in [start, end). `fold`: ASCII letters of either case."""
        wanted = _folded(needle, fold)
        while start < end:
            stop = min(end, start + SEARCH_BLOCK)
            at = _folded(self.read(start, stop - start + len(needle) - 1), fold).find(wanted)
            if at >= 0:
                return start + at
            start = stop
        return None

    def find_last(self, needle: bytes, start: int, end: int, *, fold: bool) -> int | None:
        """Offset of the last place of the text that begins in [start, end)."""
        wanted = _folded(needle, fold)
        while end > start:
            low = max(start, end - SEARCH_BLOCK)
            at = _folded(self.read(low, end - low + len(needle) - 1), fold).rfind(wanted)
            if at >= 0:
                return low + at
            end = low
        return None

    def line_at(self, number: int) -> int | None:
        """Offset of the line with this number, counted from 0 by line ends; None when there are not so many."""
        offset, count = next((mark for mark in reversed(self._marks) if mark[1] < number), (0, 0))
        end = self.size()
        while offset < end:
            block = self.read(offset, COUNT_BLOCK)
            here = block.count(b"\n")
            if count + here >= number:
                at = offset + _nth(block, number - count)
                return at if at < end else None
            if len(block) < COUNT_BLOCK:
                return None
            offset, count = offset + len(block), count + here
            if offset > self._marks[-1][0]:
                self._marks.append((offset, count))
        return None


def _folded(data: bytes, fold: bool) -> bytes:
    return data.lower() if fold else data


def _nth(block: bytes, number: int) -> int:
    """The place after so many line ends; the block has them."""
    at = 0
    for _ in range(number):
        at = block.index(b"\n", at) + 1
    return at
