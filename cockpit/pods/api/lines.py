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
        """A line over the cap is cut into several, or dropped and told by `check`."""
        self._cap, self._cut = cap_bytes, cut
        self._over = False
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk; none after one that was over the cap."""
        *whole, tail = chunk.split(b"\n")
        lines: list[bytes] = []
        for piece in whole:
            lines += self._hold(piece)
            if self._over:
                return lines
            lines.append(self.end())
        lines += self._hold(tail)
        return lines

    def check(self) -> None:
        """Raises errors.Malformed when a line was over the cap. After `feed`, so that the lines before it count."""
        if self._over:
            raise errors.Malformed(f"a line of more than {self._cap // 1024} KiB")

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
            self._over = True
            self._parts.clear()
            return []
        long = b"".join(self._parts)
        cuts = [long[start : start + self._cap] for start in range(0, len(long), self._cap)]
        self._parts = [cuts.pop()]
        self._held = len(self._parts[0])
        return cuts
