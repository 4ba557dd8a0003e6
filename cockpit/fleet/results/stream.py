"""One stream of a host's output on its way into its file: hashed, counted, cut in the middle where it is too long."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cockpit.model.units import human_bytes

if TYPE_CHECKING:
    from cockpit.fleet.results.spool import HostOutput, Spool

TAIL_BYTES = 64 * 1024
"""Kept on disk of the end of each stream, whatever its length."""


class Stream:
    """`pending` and `sealing` come from the loop; all else is the writer's thread's, and read by the loop."""

    def __init__(self, spool: Spool, output: HostOutput, name: str) -> None:
        self.name = name
        self.pending: list[bytes] = []
        self.sealing = False
        self.lines = 0
        self.cut = False
        """Not all of it is on disk, once it is sealed."""
        self.capped = False
        self._spool = spool
        self._output = output
        self._hash = hashlib.sha256()
        self._owed = b""
        """What the disk did not take yet."""
        self._tail = b""
        """What came since it was capped, its end."""
        self._behind = 0
        """Bytes that came since it was capped."""
        self._closed = False

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def work(self) -> None:
        if self._owed and not self._pay():
            if not self.sealing:
                return
            self._spool.give_up(self)
            self._cap(self._owed)
            self._owed = b""
        with self._spool.writer.lock:
            chunks, self.pending = self.pending, []
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if data:
            self._hash.update(data)
            self.lines += data.count(b"\n")
            self._keep(data)
            self._spool.taken(len(data))
        if self.sealing and not self._closed:
            self._close()

    def _keep(self, data: bytes) -> None:
        if self.capped:
            self._cap(data)
            return
        allowed = self._spool.allowed(self._spool.host_bytes - self._output.kept_bytes)
        head, rest = (data, b"") if len(data) <= allowed else (data[:allowed], data[allowed:])
        self._owed = head
        if not self._pay() and (self.sealing or not self._spool.attended):
            self._spool.give_up(self)
            self._owed, rest = b"", self._owed + rest
        if rest:
            self._cap(rest)

    def _pay(self) -> bool:
        """Whether the disk took all that was owed."""
        if self._owed:
            done = self._spool.append(self, self._owed)
            self._output.kept_bytes += done
            self._owed = self._owed[done:]
        return not self._owed

    def _cap(self, data: bytes) -> None:
        self.capped = True
        self._behind += len(data)
        self._tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]

    def _close(self) -> None:
        self._closed = True
        gap = self._behind - len(self._tail)
        if self._tail:
            words = f"\n... {human_bytes(gap)} left out here ...\n".encode() if gap else b""
            end = words + self._tail
            done = self._spool.append(self, end)
            self.cut = gap > 0 or done < len(end)
            if done < len(end):
                self._spool.give_up(self)
        self._tail = b""
        self._spool.close(self)
