"""The ledger, kept off the loop: one thread writes, one reads, and whoever waits for a change is woken after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from cockpit.server.ci.ledger import Ledger

R = TypeVar("R")


class Store:
    """`write` and `read` run a deed on the ledger in its thread. Both raise what the deed raises, sqlite3.Error too."""

    def __init__(self, writer: Ledger, reader: Ledger, threads: tuple[ThreadPoolExecutor, ThreadPoolExecutor]) -> None:
        self._writer, self._reader = writer, reader
        self._writing, self._reading = threads
        self._wake = asyncio.Event()
        self._closing = False

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Store]:
        """The store at `path`, made when missing. Raises sqlite3.Error, OSError."""
        threads = (ThreadPoolExecutor(1, "ledger-write"), ThreadPoolExecutor(1, "ledger-read"))
        loop = asyncio.get_running_loop()
        try:
            writer = await loop.run_in_executor(threads[0], lambda: Ledger(path, writer=True))
            reader = await loop.run_in_executor(threads[1], lambda: Ledger(path, writer=False))
            try:
                yield cls(writer, reader, threads)
            finally:
                await loop.run_in_executor(threads[1], reader.close)
                await loop.run_in_executor(threads[0], writer.close)
        finally:
            for thread in threads:
                thread.shutdown(wait=False)

    async def write(self, deed: Callable[[Ledger], R]) -> R:
        """Runs to its end even when the caller is cancelled."""
        loop = asyncio.get_running_loop()

        def work() -> R:
            before = self._writer.total_changes
            try:
                return deed(self._writer)
            finally:
                if self._writer.total_changes != before:
                    loop.call_soon_threadsafe(self._notify)

        return await asyncio.shield(loop.run_in_executor(self._writing, work))

    async def read(self, deed: Callable[[Ledger], R]) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._reading, deed, self._reader)

    @property
    def changed(self) -> asyncio.Event:
        """Set after the next write that changed something. Take it before looking, wait on it after."""
        return self._wake

    @property
    def closing(self) -> bool:
        """No one should wait for changes any more."""
        return self._closing

    def release(self) -> None:
        """Send everyone home who waits for a change: the server ends."""
        self._closing = True
        self._notify()

    def _notify(self) -> None:
        self._wake, woken = asyncio.Event(), self._wake
        woken.set()
