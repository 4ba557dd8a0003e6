"""Where the output of a run goes: a file for each stream of each host, raw bytes, under a quota."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

QUOTA_BYTES = 2 * 2**30
"""Of one run."""
HOST_BYTES = 256 * 2**20
"""Of one host, both streams together."""
TAIL_BYTES = 64 * 1024
"""Kept of the end of each stream, whatever its length."""


class Sealed(Struct, frozen=True):
    """The output of a host that has ended, all on disk."""

    stdout_bytes: int = 0
    stderr_bytes: int = 0
    lines: int = 0
    """Line ends of both streams."""
    stdout_digest: str = ""
    """SHA-256 in hex of all of it, kept or not; empty without output."""
    stderr_digest: str = ""
    stdout_path: str = ""
    """Empty without output: there is no file then."""
    stderr_path: str = ""
    truncated: bool = False
    """Not all is on disk: head and tail are."""


class HostOutput:
    """Of one host of a run. All of it is called on the event loop; files are written in the spool's thread."""

    stdout_bytes: int
    """So far."""
    stderr_bytes: int
    lines: int
    """Line ends of both streams that have been counted so far."""

    def write(self, data: bytes, *, stderr: bool) -> None:
        """Never blocks."""
        raise NotImplementedError

    async def room(self) -> None:
        """Wait while the disk is behind, or the quota is used up: the back-pressure to the host."""
        raise NotImplementedError

    async def seal(self) -> Sealed:
        """No more will come. Returns when all is on disk."""
        raise NotImplementedError

    def tail(self, lines: int) -> list[tuple[bool, bytes]]:
        """The last lines in memory, without their ends: (is it stderr, line). At most TAIL_BYTES are held."""
        raise NotImplementedError

    @property
    def last_line(self) -> bytes:
        """The last line that is not empty, cut to what a table shows."""
        raise NotImplementedError


class Spool:
    """Of one run."""

    waiting: str
    """Why hosts are made to wait: the quota, a full disk; empty: they are not."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, *, quota_bytes: int = QUOTA_BYTES, host_bytes: int = HOST_BYTES
    ) -> AsyncIterator[Spool]:
        """Leaving it waits until everything is on disk."""
        yield cls()

    def host(self, name: str) -> HostOutput:
        raise NotImplementedError

    def raise_quota(self, more_bytes: int = QUOTA_BYTES) -> None:
        """So much more may be kept; a full disk is tried again."""
        raise NotImplementedError
