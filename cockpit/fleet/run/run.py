"""A run on its way: one command on many hosts by a plan, live, with a result for each host."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any

from msgspec import to_builtins
from msgspec.structs import replace

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import unbroken
from cockpit.fleet.engine.sudo import Sudo
from cockpit.fleet.fold import fold
from cockpit.fleet.results.history import History
from cockpit.fleet.results.outcome import NOT_RUN, HostResult, Kill, Outcome
from cockpit.fleet.results.record import OUTPUT, Header, HostLine, Recorder, end_of, line_of
from cockpit.fleet.results.spool import HOST_BYTES, QUOTA_BYTES, HostOutput, Spool
from cockpit.fleet.results.words import said, summary
from cockpit.fleet.results.writer import Writer
from cockpit.fleet.run.attempt import attempt
from cockpit.fleet.run.course import BREAKER_REFUSALS, Breaker, Course
from cockpit.fleet.run.order import Order, check
from cockpit.fleet.run.rows import FOLLOW_SECONDS, Rows
from cockpit.fleet.run.rows import HostRow as HostRow
from cockpit.fleet.run.site import Listener as Listener
from cockpit.fleet.run.site import Site
from cockpit.model import clock, errors
from cockpit.model.changes import Delta
from cockpit.model.user import user_name
from cockpit.tasks import process
from cockpit.tasks.action import CancelUnconfirmed, Progress

log = logging.getLogger(__name__)


class RunState(enum.StrEnum):
    WAITING = "waiting"
    """For its locks and its lane: nothing was begun."""
    RUNNING = "running"
    PAUSED = "paused"
    """Nothing new is begun; hosts that run go on."""
    STOPPING = "stopping"
    """What runs is being ended."""
    ENDED = "ended"


class Run:
    """An order on its way. Every machine gets exactly one result, cancelled or not."""

    def __init__(
        self,
        order: Order,
        pool: Pool,
        history: History,
        *,
        attended: bool,
        listener: Listener | None = None,
        sudo: Sudo | None = None,
        quota_bytes: int = QUOTA_BYTES,
        host_bytes: int = HOST_BYTES,
    ) -> None:
        """`attended`: somebody sees it who can resume it; else what would pause it stops it. `sudo` may hold the
        password of the user that the order names; without it none is asked for.

        Raises errors.Refused for an order that makes no sense.
        """
        check(order)
        self.id = ""
        """The task's id, once it is begun."""
        self.order = order
        self.state = RunState.WAITING
        self._pool, self._history, self._attended, self._listener = pool, history, attended, listener
        self._quota_bytes, self._host_bytes = quota_bytes, host_bytes
        self._sudo = sudo or (Sudo(order.sudo) if order.sudo else None)
        self._course = Course(order.plan, len(order.machines))
        self._breaker = Breaker()
        self._rows = Rows(order.machines, self._course.waves)
        self._lines: dict[str, HostLine] = {}
        self._told: set[str] = set()
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._said = ""
        self._aborted = False
        self._spool: Spool | None = None
        self._recorder: Recorder | None = None
        self._progress: Progress | None = None

    @property
    def waves(self) -> tuple[range, ...]:
        """Places in the order; with a canary that is the first one."""
        return self._course.waves

    @property
    def why(self) -> str:
        """Why it is paused, or was stopped; why hosts are made to wait."""
        return "; ".join(filter(None, [self._said, self._course.stopped, self.waiting]))

    @property
    def waiting(self) -> str:
        """Why hosts are made to wait until the quota is raised; empty: they are not."""
        return self._spool.waiting if self._spool is not None and self.state is not RunState.ENDED else ""

    @property
    def fault(self) -> str:
        """Why not everything of it was kept; empty when it was."""
        faults = [self._recorder.fault if self._recorder else "", self._spool.fault if self._spool else ""]
        return "; ".join(filter(None, faults))

    @property
    def rows(self) -> Mapping[str, HostRow]:
        """By name, in the order of the run."""
        return self._rows.all

    @property
    def lines(self) -> Mapping[str, HostLine]:
        """The hosts that have ended, by name, in the order of their ends."""
        return MappingProxyType(self._lines)

    def output(self, name: str) -> HostOutput | None:
        """None: it said nothing yet."""
        return self._rows.output(name)

    def follow(self, period: float = FOLLOW_SECONDS) -> AsyncIterator[Delta[HostRow]]:
        """The whole at once, then the rows that changed; `health` is set when `state` or `why` may have."""
        return self._rows.follow(period)

    def pause(self, why: str) -> None:
        """Begin nothing new; hosts that run go on."""
        if self.state is RunState.RUNNING:
            self._become(RunState.PAUSED, why)

    def resume(self) -> None:
        if self.state is RunState.PAUSED:
            self._become(RunState.RUNNING)

    def abort(self, why: str = "aborted") -> None:
        """Begin nothing new and end what runs, confirmed."""
        if self.state in (RunState.RUNNING, RunState.PAUSED):
            self._aborted = True
            self._course.stop(why)
            self._become(RunState.STOPPING)
            for task in self._flying.values():
                task.cancel()

    def raise_quota(self) -> None:
        """As much again may be kept; a full disk is tried again."""
        if self._spool is not None:
            self._spool.raise_quota()
            self._rows.changed()

    async def run(self, progress: Progress) -> None:
        """To its end, once. Cancelled, it first stops what runs and looks that it has stopped.

        Raises CancelUnconfirmed when that is in doubt, and errors.Refused when nothing can be kept of it.
        """
        self.id, self._progress = progress.id, progress
        failure = ""
        try:
            async with Writer.open() as writer:
                beginning = asyncio.ensure_future(asyncio.to_thread(self._history.begin, self._header(), writer))
                cancelled = await _finished(beginning)
                self._recorder = beginning.result()
                trimming = asyncio.create_task(asyncio.to_thread(self._trim), name="trim runs")
                try:
                    if cancelled:
                        self._course.stop("cancelled")
                    else:
                        cancelled = await self._kept(writer, self._recorder)
                finally:
                    cancelled = await _finished(asyncio.ensure_future(self._conclude(self._recorder))) or cancelled
                    await asyncio.wait([trimming])
        except errors.SourceError as error:
            failure = str(error)
            raise
        finally:
            self._become(RunState.ENDED, failure)
        doubtful = [line.host for line in self._lines.values() if _in_doubt(line)]
        if doubtful and (cancelled or self._aborted):
            raise CancelUnconfirmed(f"it may still run on {fold(doubtful)}")
        if cancelled:
            raise asyncio.CancelledError

    async def _kept(self, writer: Writer, recorder: Recorder) -> bool:
        """The run itself. True: it was cancelled."""
        spooling = Spool.open(
            writer,
            recorder.folder / OUTPUT,
            quota_bytes=self._quota_bytes,
            host_bytes=self._host_bytes,
            attended=self._attended,
        )
        async with spooling as self._spool, self._pool.used():
            self._become(RunState.RUNNING)
            return await self._through()

    async def _through(self) -> bool:
        """Begin hosts as the course allows, until all have ended. True: it was cancelled."""
        async with asyncio.TaskGroup() as group:
            try:
                while not self._course.over:
                    place = self._course.take() if self.state is RunState.RUNNING else None
                    if place is None:
                        await self._wake.wait()
                        self._wake.clear()
                        continue
                    task = self._flying[place] = group.create_task(self._host(place))
                    task.add_done_callback(partial(self._landed, place))
            except asyncio.CancelledError:
                self.abort("cancelled")
                return True
        return False

    async def _host(self, place: int) -> None:
        assert self._recorder is not None and self._spool is not None
        order, machine = self.order, self.order.machines[place]
        host = Site(machine, self._spool, self._recorder, self._rows, self._listener, self._logged_in)
        end = await attempt(self._pool, machine, order, host, self._sudo)
        if end.outcome is Outcome.UNKNOWN_OUTCOME and order.idempotent and self.state is not RunState.STOPPING:
            host.again()
            end = replace(await attempt(self._pool, machine, order, host, self._sudo), attempts=2)
        self._judge_login(end.outcome)
        line = line_of(host.result(end, await host.sealed()))
        self._record(line)
        with suppress(asyncio.CancelledError):
            await self._tell(line)

    def _landed(self, place: int, task: asyncio.Task[None]) -> None:
        """A host's task is over. One that was cancelled before its first step said nothing."""
        del self._flying[place]
        machine = self.order.machines[place]
        if machine.name not in self._lines:
            outcome, why = Outcome.CANCELLED, "before the command was sent"
            if not task.cancelled():
                outcome, why = Outcome.UNKNOWN_OUTCOME, "cockpit failed over it; look what became of it"
            self._record(line_of(HostResult(machine=machine, outcome=outcome, why=why)))
        self._course.end(place, self._lines[machine.name].outcome)
        self._wake.set()

    async def _conclude(self, recorder: Recorder) -> None:
        """A result for those whose turn never came; then the record ends."""
        stopped = self._course.stopped
        for machine in self.order.machines:
            if machine.name not in self._lines:
                why = stopped or "cockpit failed before its turn"
                self._record(line_of(HostResult(machine=machine, outcome=Outcome.SKIPPED, why=why)))
                await asyncio.sleep(0)
            await self._tell(self._lines[machine.name])
        await recorder.close(end_of(self._lines.values(), stopped, self._spool.kept_bytes if self._spool else 0))
        for text in (self.fault, summary(self._lines.values()), stopped):
            if text and self._progress is not None:
                self._progress.say(text)

    async def _tell(self, line: HostLine) -> None:
        """The listener, once of each host."""
        if self._listener is not None and line.host not in self._told:
            self._told.add(line.host)
            await self._listener.ended(line, self._rows.output(line.host))

    def _record(self, line: HostLine) -> None:
        assert self._recorder is not None and self._progress is not None
        self._lines[line.host] = line
        self._recorder.ended(line)
        self._rows.ended(line)
        self._progress.outcome(line.host, line.outcome.state, line.why)
        self._progress.say(said(line), target=line.host)
        self._progress.step(len(self._lines), len(self.order.machines))

    def _logged_in(self) -> None:
        """A host let us in. With sudo it is its password that is judged, at the end."""
        if not self.order.sudo:
            self._breaker.answered(refused=False)

    def _judge_login(self, outcome: Outcome) -> None:
        refused = outcome is Outcome.AUTH
        if not refused and (not self.order.sudo or outcome in NOT_RUN):
            return
        if self._breaker.answered(refused=refused):
            why = f"{BREAKER_REFUSALS} of the first logins were refused; check user, key and password"
            if self._attended:
                self.pause(why)
            else:
                self._course.stop(why)

    def _become(self, state: RunState, why: str = "") -> None:
        self.state, self._said = state, why
        if why and self._progress is not None:
            self._progress.say(f"{state}: {why}")
        self._wake.set()
        self._rows.changed()

    def _header(self) -> Header:
        order = self.order
        return Header(
            run=self.id,
            command=order.command,
            selection=order.selection,
            plan=to_builtins(order.plan),
            timeout_seconds=order.timeout_seconds,
            connect_seconds=order.connect_seconds,
            sudo=order.sudo,
            idempotent=order.idempotent,
            hosts=tuple((machine.name, machine.address) for machine in order.machines),
            who=user_name(),
            owner=process.this(),
            started_at=clock.wall(),
        )

    def _trim(self) -> None:
        try:
            self._history.trim()
        except errors.SourceError as error:
            log.warning("old runs were not trimmed: %s", error)


async def _finished(work: asyncio.Future[Any]) -> bool:
    """Wait for it whatever comes. True: a cancel came meanwhile."""
    try:
        await unbroken(work)
    except asyncio.CancelledError:
        return True
    return False


def _in_doubt(line: HostLine) -> bool:
    return line.kill is Kill.UNCONFIRMED or line.outcome is Outcome.UNKNOWN_OUTCOME
