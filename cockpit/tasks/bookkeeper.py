"""The journal off the event loop: one thread that opens it when it is first needed, writes and reads."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from msgspec.structs import replace

from cockpit.model import clock
from cockpit.model.user import user_name
from cockpit.tasks import process, spills
from cockpit.tasks.records import TaskRecord

if TYPE_CHECKING:
    from cockpit.tasks.journal import Journal

P = ParamSpec("P")
R = TypeVar("R")
log = logging.getLogger(__name__)

WINDOW_SECONDS = 86400.0
"""How far back tasks are shown without being asked for."""
WINDOW_TASKS = 500
FULL_LOOK_SECONDS = 5.0
"""Between two looks that do not rely on a write: a dead process writes nothing."""


class NotRecorded(Exception):
    """The journal did not take it, so it must not be done. The message is one line with the next step."""


class Bookkeeper:
    """Of one task manager."""

    def __init__(self, folder: Path) -> None:
        self.fault = ""
        self.looked = asyncio.Event()
        """Set after the first look at the journal, however it went."""
        self.who = ""
        self.owner = process.this()
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "journal")
        self._journal: Journal | None = None
        self._unwritten: dict[str, TaskRecord] = {}
        """Ends that the journal did not take yet."""
        self._full_look_at = 0.0

    async def begin(self, record: TaskRecord) -> None:
        """Record that it was asked for. Raises NotRecorded."""
        await self._strictly(self._begin, record)

    async def write(self, records: Sequence[TaskRecord]) -> None:
        """Durable when this returns. Raises NotRecorded."""
        await self._strictly(self._write, records)

    async def note(self, records: Sequence[TaskRecord]) -> None:
        """Progress, and ends that could not be written before. A failure shows in `fault`."""
        records = [*self._unwritten.values(), *records]
        if records and not await self._leniently(self._write, records):
            for record in records:
                self._unwritten.pop(record.key, None)

    async def close_record(self, record: TaskRecord) -> str:
        """Record an end, however long the loop is dying; gives why it could not be, or "". It is tried again later."""
        fault = await self._leniently(self._write, [record])
        if fault:
            self._unwritten[record.key] = record
        return fault

    async def look(self) -> list[TaskRecord] | None:
        """The tasks of the last day, newest first; None when nothing changed."""
        seen: list[TaskRecord] | None = None

        def look() -> None:
            nonlocal seen
            seen = self._look()

        await self._leniently(look)
        self.looked.set()
        return seen

    async def close(self) -> None:
        await self.note([])
        if self._journal is not None:
            await self._leniently(self._journal.close)
        self._thread.shutdown(wait=False)

    async def _strictly(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        fault = await self._leniently(call, *args, **kwargs)
        if fault:
            raise NotRecorded(fault)

    async def _leniently(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> str:
        """The call in the journal's thread; it is never given up half-way. Gives the fault, or ""."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, functools.partial(_told, functools.partial(call, *args, **kwargs)))
        try:
            fault = await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
        if fault and fault != self.fault:
            log.error("journal: %s", fault)
        self.fault = fault
        return fault

    def _opened(self) -> Journal:
        if self._journal is None:
            from cockpit.tasks.journal import Journal

            self.who = self.who or _who()
            journal = Journal(self._folder)
            journal.sweep()
            spills.forget(self._folder, journal.prune(clock.wall()))
            spills.trim(self._folder)
            self._journal = journal
        return self._journal

    def _begin(self, record: TaskRecord) -> None:
        journal = self._opened()
        journal.begin(replace(record, who=self.who))

    def _write(self, records: Sequence[TaskRecord]) -> None:
        self._opened().write(records)

    def _look(self) -> list[TaskRecord] | None:
        journal = self._opened()
        now = time.monotonic()
        if not journal.changed() and now < self._full_look_at:
            return None
        self._full_look_at = now + FULL_LOOK_SECONDS
        return journal.recent(clock.wall() - WINDOW_SECONDS, WINDOW_TASKS)


def _told(call: Callable[[], object]) -> str:
    from cockpit.tasks.store import StoreError

    try:
        call()
    except StoreError as error:
        return str(error)
    except Exception as error:
        log.exception("the journal has a defect")
        return f"defect in cockpit: {error!r}; see the log"
    return ""


def _who() -> str:
    """The user, and who became it by sudo: "root (ops)"."""
    name = user_name()
    real = os.environ.get("SUDO_USER", "")
    return f"{name} ({real})" if real and real != name else name
