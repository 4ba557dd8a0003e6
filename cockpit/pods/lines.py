"""Bytes to lines, bounded: the client library's own reader fails on a line over 4 MiB and on one byte of bad UTF-8."""

from __future__ import annotations

from cockpit.model import errors

EVENT_BYTES = 16 * 1024 * 1024
"""A watch event: etcd takes objects of 1.5 MiB by default, JSON escapes may make them several times longer."""
LOG_LINE_BYTES = 64 * 1024
"""A longer log line goes on in the next one."""


class LineSplitter:
    """Takes chunks cut anywhere, gives whole lines without their end. Linear in the bytes, whatever the chunks."""

    def __init__(self, cap_bytes: int, *, cut: bool = False) -> None:
        """A line over the cap is cut into several, or raises errors.Malformed."""
        self._cap, self._cut = cap_bytes, cut
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk."""
        head, newline, rest = chunk.partition(b"\n")
        if not newline:
            return self._hold(chunk)
        lines = self._hold(head)
        lines.append(b"".join(self._parts))
        self._parts.clear()
        self._held = 0
        *whole, tail = rest.split(b"\n")
        for line in whole:
            lines.extend(self._hold(line))
            lines.append(b"".join(self._parts))
            self._parts.clear()
            self._held = 0
        lines.extend(self._hold(tail))
        return lines

    def end(self) -> bytes:
        """What came after the last line end."""
        rest = b"".join(self._parts)
        self._parts.clear()
        self._held = 0
        return rest

    def _hold(self, piece: bytes) -> list[bytes]:
        """Keep an unfinished line; gives the full pieces of one that is over the cap."""
        self._held += len(piece)
        if piece:
            self._parts.append(piece)
        if self._held <= self._cap:
            return []
        if not self._cut:
            raise errors.Malformed(f"a line of more than {self._cap // 1024} KiB")
        long = b"".join(self._parts)
        cuts = [long[start : start + self._cap] for start in range(0, len(long), self._cap)]
        self._parts = [cuts.pop()]
        self._held = len(self._parts[0])
        return cuts
