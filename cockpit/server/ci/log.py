"""The log of an attempt: an append-only file, addressed by byte offset, with a cap that says so."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from msgspec import Struct

MOST_BYTES = 16 << 20
READ_BYTES = 256 << 10
"""At most so much in one answer."""


def path(data: Path, run: int, attempt: int) -> Path:
    return data / "logs" / str(run) / f"{attempt}.log"


class LogFile:
    """Written by one worker. Raises OSError (a full disk) from `open` and `write`."""

    def __init__(self, fd: int, most_bytes: int) -> None:
        self._fd = fd
        self._most = most_bytes
        self.offset = 0
        """Bytes written so far."""
        self._cut = False

    @classmethod
    async def open(cls, file: Path, *, most_bytes: int = MOST_BYTES) -> LogFile:
        def make() -> int:
            file.parent.mkdir(parents=True, exist_ok=True)
            return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

        return cls(await asyncio.to_thread(make), most_bytes)

    async def write(self, data: bytes) -> None:
        if self._cut:
            return
        if self.offset + len(data) > self._most:
            self._cut = True
            said = f"\n[cockpit: the log is cut here, at {self._most} bytes; the run goes on]\n".encode()
            data = data[: self._most - self.offset] + said
        await asyncio.to_thread(self._append, data)
        self.offset += len(data)

    async def say(self, line: str) -> None:
        """A line of our own."""
        await self.write(f"[cockpit] {line}\n".encode())

    async def close(self) -> None:
        await asyncio.to_thread(os.close, self._fd)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


class Piece(Struct, frozen=True):
    data: bytes
    size: int
    """Of the whole log as it is now."""


def read(file: Path, offset: int) -> Piece:
    """Bytes from `offset` on, at most READ_BYTES; nothing of a log that is not there. Blocking."""
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            opened.seek(min(offset, size))
            return Piece(opened.read(READ_BYTES), size)
    except FileNotFoundError:
        return Piece(b"", 0)
