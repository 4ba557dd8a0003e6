"""One order for files on many hosts: bounded, with an outcome for each, whatever ends it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files.orders import Done, Tell
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.run.attempt import outcome_of
from cockpit.fleet.run.course import Course
from cockpit.fleet.run.plan import Plan
from cockpit.model import errors
from cockpit.model.units import human_bytes
from cockpit.tasks.action import CancelUnconfirmed, Progress

TIMEOUT_SECONDS = 3600.0
"""For each host."""
FORKS = 20
"""Hosts at the same time: what they share is bandwidth, not waiting."""
PER_LINK = 3
"""Orders at the same time over one connection: each needs two of its channels, and must never wait for another."""
REPORT_SECONDS = 5.0
"""Between two lines that say how far a host is."""


class Work(Protocol):
    """What is done on one host."""

    done: Done | None
    """Set when its effect is there, also when it is cancelled after that."""

    async def run(self) -> Done:
        """Raises model.errors, and CancelUnconfirmed when something may go on there."""


class HostEnd(Struct, frozen=True, kw_only=True):
    """How one host ended."""

    machine: Machine
    outcome: Outcome
    why: str = ""
    done: Done = Done()
    confirmed: bool = True
    """Nothing of it runs there any more."""
    duration_seconds: float = 0.0

    @property
    def words(self) -> str:
        """How, as people read it."""
        return "failed" if self.outcome is Outcome.NONZERO else self.outcome.words

    @property
    def summary(self) -> str:
        """ "12 files, 3.4M, 2 deleted"."""
        done = self.done
        said = [f"{done.files} file{'s' if done.files != 1 else ''}, {human_bytes(done.bytes)}"] if done.files else []
        counts = ((done.modes, "with other permissions"), (done.deleted, "deleted"), (done.skipped, "skipped"))
        said += [f"{count} {word}" for count, word in counts if count]
        said += [f"release {done.release}"] if done.release else []
        said += [done.note] if done.note else []
        return ", ".join(said) or "nothing to do"


class Transfers:
    """Every machine gets exactly one end, cancelled or not."""

    def __init__(
        self,
        machines: Sequence[Machine],
        plan: Plan,
        timeout_seconds: float,
        work: Callable[[Pool, Machine, Tell], Work],
        *,
        ended: Callable[[HostEnd], None] | None = None,
    ) -> None:
        """Raises errors.Refused for a plan or a time-out that makes no sense."""
        if not timeout_seconds > 0:
            raise errors.Refused("the time-out must be more than 0 seconds")
        self.machines = tuple(machines)
        self.ends: dict[str, HostEnd] = {}
        self.bytes: dict[str, tuple[int, int | None]] = {}
        """Of the hosts under way: so far, and in all where that is known."""
        self._course = Course(plan, len(self.machines))
        self._timeout_seconds, self._work = timeout_seconds, work
        self._ended = ended
        self._links: dict[Any, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_LINK))
        self._wake = asyncio.Event()

    async def run(self, pool: Pool, progress: Progress) -> None:
        """To the end of all. Raises CancelUnconfirmed when it was cancelled and something may go on."""
        reporting = asyncio.create_task(self._report(progress))
        try:
            async with pool.used(), asyncio.TaskGroup() as group:
                while not self._course.over:
                    while (place := self._course.take()) is not None:
                        group.create_task(self._host(pool, place, progress))
                    self._wake.clear()
                    await self._wake.wait()
        except asyncio.CancelledError:
            self._skip(progress, "not begun")
            doubtful = [end.why for end in self.ends.values() if not end.confirmed]
            if doubtful:
                raise CancelUnconfirmed("; ".join(doubtful)) from None
            raise
        finally:
            reporting.cancel()
        self._skip(progress, self._course.stopped)

    async def _host(self, pool: Pool, place: int, progress: Progress) -> None:
        machine = self.machines[place]
        begun = asyncio.get_running_loop().time()
        end = HostEnd(machine=machine, outcome=Outcome.CANCELLED, why="before it was begun")
        try:
            async with self._links[machine.route]:
                end = await self._one(pool, machine)
        finally:
            seconds = asyncio.get_running_loop().time() - begun
            self.bytes.pop(machine.name, None)
            self._end(replace(end, duration_seconds=seconds), progress)
            self._course.end(place, end.outcome)
            self._wake.set()

    async def _one(self, pool: Pool, machine: Machine) -> HostEnd:
        """A cancel is an end like others."""
        try:
            await pool.link(machine)
        except errors.SourceError as error:
            return HostEnd(machine=machine, outcome=outcome_of(error), why=str(error))
        except asyncio.CancelledError:
            return HostEnd(machine=machine, outcome=Outcome.CANCELLED, why="before it was begun")

        def tell(done: int, total: int | None) -> None:
            self.bytes[machine.name] = done, total

        work = self._work(pool, machine, tell)
        failure: Exception | asyncio.CancelledError | None = None
        try:
            async with asyncio.timeout(self._timeout_seconds) as limit:
                await work.run()
        except (errors.SourceError, CancelUnconfirmed, TimeoutError, asyncio.CancelledError) as error:
            failure = error
        early = f"no end after {self._timeout_seconds:g} s" if limit.expired() else ""
        return _judged(machine, work.done, failure, early)

    def _end(self, end: HostEnd, progress: Progress) -> None:
        self.ends[end.machine.name] = end
        progress.outcome(end.machine.name, end.outcome.state, end.why)
        progress.say(": ".join(filter(None, [end.words, end.why or end.summary])), target=end.machine.name)
        progress.step(len(self.ends), len(self.machines))
        if self._ended is not None:
            self._ended(end)

    def _skip(self, progress: Progress, why: str) -> None:
        for machine in self.machines:
            if machine.name not in self.ends:
                self._end(HostEnd(machine=machine, outcome=Outcome.SKIPPED, why=why), progress)

    async def _report(self, progress: Progress) -> None:
        """How far each host is, now and then, until cancelled."""
        before: dict[str, int] = {}
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            now = dict(self.bytes)
            for name, (done, total) in now.items():
                rate = (done - before.get(name, 0)) / REPORT_SECONDS
                of = f" of {human_bytes(total)}" if total is not None else ""
                progress.say(f"{human_bytes(done)}{of}, {human_bytes(rate)}/s", target=name)
            before = {name: done for name, (done, _) in now.items()}


def _judged(
    machine: Machine, done: Done | None, failure: Exception | asyncio.CancelledError | None, early: str
) -> HostEnd:
    """`early` is why it was ended before its time, when it was not by a cancel."""
    outcome, why, confirmed = Outcome.OK, "", True
    match failure:
        case None:
            pass
        case errors.UnknownOutcome() | errors.Unreachable():
            outcome, why = outcome_of(failure), str(failure)
        case errors.SourceError():
            outcome, why = Outcome.NONZERO, str(failure)
        case CancelUnconfirmed():
            outcome, why, confirmed = Outcome.CANCELLED, f"it may go on: {failure}", False
        case _ if done is None:
            outcome, why = Outcome.CANCELLED, "nothing was changed"
    if outcome is Outcome.CANCELLED and early:
        outcome = Outcome.TIMEOUT_CMD
        why = f"{early}; {why}"
    return HostEnd(machine=machine, outcome=outcome, why=why, done=done or Done(), confirmed=confirmed)
