"""One job under way, as whoever submitted it and the job itself see it."""

from __future__ import annotations

import asyncio
import logging

from msgspec.structs import replace

from cockpit.tasks.action import Job, State
from cockpit.tasks.output import Output
from cockpit.tasks.records import Records, TargetOutcome, TaskRecord
from cockpit.tasks.terminal import Lend

log = logging.getLogger(__name__)

SHOW_SECONDS = 0.05
"""How long what a run says of its targets may gather before it is shown: the record of many is not copied for each."""


class Task:
    """Made by the task manager. It is the `Progress` of its own run."""

    def __init__(
        self, job: Job, record: TaskRecord, output: Output, records: Records, touched: dict[str, Task]
    ) -> None:
        """Every change goes to `records` at once; `touched` collects what is yet to be written down."""
        self.job = job
        self.output = output
        self.lend: Lend | None = None
        self.cancelled = asyncio.Event()
        """A cancel was asked for."""
        self._record = record
        self._records, self._touched = records, touched
        self._ended = asyncio.Event()
        self._sealed = False
        self._said: dict[int, TargetOutcome] = {}
        """Of targets by place, not in the record yet."""
        self._step = (record.done, record.total)
        self._showing: asyncio.TimerHandle | None = None
        places = list(enumerate(record.targets))
        self._places = {t.key: place for place, t in places} | {t.name: place for place, t in places}
        records.put(record)

    @property
    def id(self) -> str:
        return self._record.key

    @property
    def record(self) -> TaskRecord:
        """As it is now."""
        self._show()
        return self._record

    async def done(self) -> TaskRecord:
        """Wait for its end; never raises for the task's own fate."""
        await self._ended.wait()
        return self.record

    def say(self, line: str, *, target: str = "") -> None:
        self.output.say(line, target)
        self._touch()

    def write(self, data: bytes, *, target: str = "") -> None:
        self.output.write(data, target)
        self._touch()

    def step(self, done: int, total: int) -> None:
        self._step = (done, total)
        self._show_soon()

    def outcome(self, target: str, state: State, why: str = "") -> None:
        place = self._places.get(target)
        if place is None:
            log.warning("task %s has no target %r", self.id, target)
            return
        self._said[place] = replace(self._record.targets[place], state=state, why=why)
        self._show_soon()

    async def drained(self) -> None:
        await self.output.drained()

    def become(self, record: TaskRecord) -> None:
        """Show it so from now on."""
        if not self._sealed:
            self._record = record
            self._records.put(record)

    def waits(self, why: str) -> None:
        self.become(replace(self.record, why=why))

    def counted(self) -> TaskRecord:
        """The record with the size of the output so far."""
        output = self.output
        return replace(
            self.record,
            output_bytes=output.total_bytes,
            output_dropped=output.dropped_bytes,
            output_path=str(output.path) if output.total_bytes else "",
        )

    def seal(self) -> TaskRecord:
        """Its end is known and about to be written: what a stray run says from now on changes nothing."""
        record = self.counted()
        self._sealed = True
        self._touched.pop(self.id, None)
        return record

    def end(self, record: TaskRecord) -> None:
        self._record = record
        self._records.put(record)
        self._ended.set()

    def _show_soon(self) -> None:
        if self._showing is None and not self._sealed:
            self._showing = asyncio.get_running_loop().call_later(SHOW_SECONDS, self._show)
        self._touch()

    def _show(self) -> None:
        if self._showing is None:
            return
        self._showing.cancel()
        self._showing = None
        targets, said = self._record.targets, self._said
        if said:
            targets = tuple([said.get(place, target) for place, target in enumerate(targets)])
            self._said = {}
        done, total = self._step
        self.become(replace(self._record, targets=targets, done=done, total=total))

    def _touch(self) -> None:
        if not self._sealed:
            self._touched[self.id] = self
