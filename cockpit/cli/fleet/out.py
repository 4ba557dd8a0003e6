"""stdout and stderr of a command that prints what many hosts say, and a line of progress below it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

WAITING_BYTES = 1 << 20
"""Unwritten output from which on the hosts are made to wait."""
STATUS_SECONDS = 0.1
"""Between two drawings of the line of progress."""
PAUSE_SECONDS = 0.02
"""Between two writes while there is room: each takes the interpreter from the loop, and back."""
STDOUT, STDERR = 1, 2
_ERASE = b"\r\x1b[K"


class Out:
    """Written off the loop, in order: a reader that stalls slows the hosts down and nothing else."""

    def __init__(self) -> None:
        self._pieces: list[tuple[bool, bytes]] = []
        self._waiting_bytes = 0
        self._status = ""
        self._shown = ""
        self._has_status = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._closed = False
        self._unread = False
        """Nobody reads stdout any more."""
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()
        """It is not to wait for more."""
        self._room = asyncio.Event()
        self._room.set()

    def put(self, data: bytes) -> None:
        """Whole lines for stdout."""
        self._add(False, data)

    def complain(self, line: str) -> None:
        """A line for stderr."""
        from cockpit.model.printable import printable

        self._add(True, printable(line).encode("utf-8", "replace") + b"\n")

    def status(self, text: str) -> None:
        """The line of progress: shown on a terminal only, where nothing else is written into it."""
        if self._has_status:
            self._status = text
            self._wake.set()

    @property
    def full(self) -> bool:
        return not self._room.is_set()

    async def drained(self) -> None:
        """Wait while much is unwritten."""
        await self._room.wait()

    def close(self) -> None:
        self._status = ""
        self._closed = True
        self._hurry.set()
        self._wake.set()

    async def run(self, gone: Callable[[], None]) -> None:
        """Write until closed; `gone` is called once when nobody reads stdout any more, and its rest is dropped."""
        told = False
        while not self._closed or self._pieces or self._shown:
            await self._wake.wait()
            self._wake.clear()
            pieces, self._pieces, self._waiting_bytes = self._pieces, [], 0
            self._room.set()
            if not self._closed:
                self._hurry.clear()
            await asyncio.to_thread(self._write, pieces, self._status)
            if self._unread and not told:
                told = True
                gone()
            await self._pause(STATUS_SECONDS if self._has_status and not self._pieces else PAUSE_SECONDS)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()

    def _add(self, stderr: bool, data: bytes) -> None:
        self._pieces.append((stderr, data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > WAITING_BYTES:
            self._room.clear()
            self._hurry.set()
        self._wake.set()

    def _write(self, pieces: Iterable[tuple[bool, bytes]], status: str) -> None:
        if self._shown and (pieces or status != self._shown):
            self._put(STDERR, _ERASE)
            self._shown = ""
        file, held = STDOUT, bytearray()
        for stderr, data in pieces:
            wanted = STDERR if stderr else STDOUT
            if wanted != file:
                self._put(file, held)
                file, held = wanted, bytearray()
            held += data
        self._put(file, held)
        if status and status != self._shown:
            self._shown = status
            columns = shutil.get_terminal_size().columns
            self._put(STDERR, _ERASE + status[: max(1, columns - 1)].encode("utf-8", "replace"))

    def _put(self, file: int, data: bytes | bytearray) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(file, view) :]
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, file)
            os.close(nowhere)
            self._unread = self._unread or file == STDOUT
