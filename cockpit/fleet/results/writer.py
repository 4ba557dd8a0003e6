"""The one thread that writes what a run keeps: everything that came since it last looked, in one go.

The loop only hands over; it never waits for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

log = logging.getLogger(__name__)

PAUSE_SECONDS = 0.004
"""Between two wakes of the thread, while nobody waits for room: each takes the interpreter from the loop, and back."""


class Pen(Protocol):
    """Something that has more to write from time to time."""

    def work(self) -> None:
        """Write all there is. Called in the thread; what it raises is a defect."""


class Writer:
    """Of one run."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        """Guards what pens share with the loop."""
        self._loop = asyncio.get_running_loop()
        self._wake = threading.Event()
        self._woken = 0.0
        """On the loop's clock."""
        self._ringing: asyncio.TimerHandle | None = None
        self._touched: dict[Pen, None] = {}
        self.done = 0
        """Touches that were worked off."""
        self._asked = 0
        """Touches so far."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._closing = False
        self._over = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Writer]:
        """Leaving it works off what was touched."""
        writer = cls()
        threading.Thread(target=writer._run, name="run writer", daemon=True).start()
        try:
            yield writer
        finally:
            writer._closing = True
            writer._ring()
            await writer._over.wait()

    def touch(self, pen: Pen, *, much: bool = False) -> None:
        """It has something to write; when it is much, it is written without a pause."""
        with self.lock:
            self._touched[pen] = None
            self._asked += 1
        if much:
            self._ring()
        elif self._ringing is None:
            self._ringing = self._loop.call_at(self._woken + PAUSE_SECONDS, self._ring)

    async def settled(self) -> None:
        """Wait until all that was touched so far is worked off."""
        if self.done < self._asked:
            await self._until(self._asked)

    async def past(self, done: int) -> None:
        """Wait until more than `done` is worked off, or for a `poke`."""
        self._ring()
        await self._until(done + 1)

    def poke(self) -> None:
        """Let those go who wait to get past what is done: something else has changed."""
        self._tell(self.done + 1)

    def _ring(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()
            self._ringing = None
        self._woken = self._loop.time()
        self._wake.set()

    async def _until(self, until: int) -> None:
        waiting: asyncio.Future[None] = self._loop.create_future()
        with self.lock:
            self._waiting.append((until, waiting))
        if self.done >= until:
            self._tell(self.done)
        await waiting

    def _tell(self, done: int) -> None:
        with self.lock:
            told = [future for until, future in self._waiting if until <= done]
            self._waiting = [(until, future) for until, future in self._waiting if until > done]
        for future in told:
            if not future.done():
                future.set_result(None)

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            with self.lock:
                touched, self._touched = self._touched, {}
                asked = self._asked
            for pen in touched:
                try:
                    pen.work()
                except Exception:
                    log.exception("%r has a defect", pen)
            self.done = asked
            with self.lock:
                waited = any(until <= asked for until, _ in self._waiting)
                over = self._closing and not self._touched
            if waited:
                self._loop.call_soon_threadsafe(self._tell, asked)
            if over:
                self._loop.call_soon_threadsafe(self._over.set)
                return
