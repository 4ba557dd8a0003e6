"""Chunks of a log to lines, whatever is in them. A line that is longer than a piece goes on in the next ones."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cockpit.pods.logs import stamp

PIECE_BYTES = 16 * 1024
"""A longer line is kept in pieces; each bears the line's timestamp."""


class Lines(Struct, gc=False):
    """Some whole lines of one log, with the timestamp that the server gave, and without their end."""

    lines: list[bytes]
    goes_on: list[int]
    """Places in `lines` of what continues the piece before it."""
    more: list[int]
    """Places of what the next piece continues."""


class Splitter:
    """Linear in the bytes. Where a line is cut depends on the line alone: a repeat is cut the same way."""

    def __init__(self, piece_bytes: int = PIECE_BYTES) -> None:
        self._cap = piece_bytes
        self._parts: list[bytes] = []
        self._held = 0
        self._begun = False
        """Pieces of the line were given already."""
        self._head = b""
        """Its timestamp."""

    def feed(self, chunk: bytes) -> Lines:
        """The lines that end in this chunk, and full pieces of one that does not."""
        found = Lines([], [], [])
        first, *whole = chunk.split(b"\n")
        self._hold(first)
        if not whole:
            self._cut(found, last=False)
            return found
        self._end(found)
        tail = whole.pop()
        if len(chunk) <= self._cap:
            found.lines += whole
        else:
            for line in whole:
                if len(line) <= self._cap:
                    found.lines.append(line)
                else:
                    self._hold(line)
                    self._end(found)
        self._hold(tail)
        self._cut(found, last=False)
        return found

    def rest(self) -> Lines:
        """What came after the last line end: a line if the log ended there."""
        found = Lines([], [], [])
        if self._held or self._begun:
            self._end(found)
        return found

    def _hold(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._held += len(part)

    def _end(self, found: Lines) -> None:
        self._cut(found, last=True)
        self._parts, self._held, self._begun, self._head = [], 0, False, b""

    def _cut(self, found: Lines, *, last: bool) -> None:
        if not last and self._held <= self._cap:
            return
        held = b"".join(self._parts)
        for piece, ends in self._pieces(held):
            if not ends or last:
                if self._begun:
                    found.goes_on.append(len(found.lines))
                else:
                    self._head = piece[: stamp.length(piece)]
                if not ends:
                    found.more.append(len(found.lines))
                found.lines.append(self._head + piece if self._begun else piece)
                self._begun = not ends
            else:
                self._parts, self._held = [piece] if piece else [], len(piece)

    def _pieces(self, held: bytes) -> Iterator[tuple[bytes, bool]]:
        """(piece, whether it is the last of what is there)."""
        start = 0
        while len(held) - start > self._cap:
            yield held[start : start + self._cap], False
            start += self._cap
        yield held[start:], True
