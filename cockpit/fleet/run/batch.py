"""One command on many hosts: bounded, live, with an outcome for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from cockpit.fleet.engine.link import Chunk, Ending
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import Remote, sent
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.tasks.action import State

FORKS = 32
"""Hosts at the same time."""
TIMEOUT_SECONDS = 60.0


class Result(Struct, frozen=True):
    """How one host ended. Success is exit status 0 and nothing else."""

    machine: Machine
    state: State
    status: int | None = None
    signal: str = ""
    why: str = ""
    duration_seconds: float = 0.0
    stop: str = ""
    """"confirmed": its processes were ended and none is left; "unconfirmed": it may still run; "": not needed."""


class Order(Struct, frozen=True):
    """What is to be run."""

    machines: tuple[Machine, ...]
    command: str
    timeout_seconds: float = TIMEOUT_SECONDS
    forks: int = FORKS


class Batch:
    """An order on its way. Every machine gets exactly one result, cancelled or not."""

    def __init__(
        self,
        order: Order,
        *,
        on_output: Callable[[Machine, Chunk], None],
        on_result: Callable[[Result], None],
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        """`drained` is awaited after each piece of output: the reader's back-pressure reaches the host."""
        self.order = order
        self.results: dict[str, Result] = {}
        self._on_output, self._on_result, self._drained = on_output, on_result, drained
        self._gate = asyncio.Semaphore(max(1, order.forks))

    async def run(self, pool: Pool) -> None:
        """Returns when every host has ended. Cancelled, it first stops what runs and looks that it has stopped."""
        try:
            async with pool.used(), asyncio.TaskGroup() as group:
                for machine in self.order.machines:
                    group.create_task(self._guarded(pool, machine))
        finally:
            for machine in self.order.machines:
                if machine.name not in self.results:
                    self._end(Result(machine, State.CANCELLED, why="not started"))

    async def _guarded(self, pool: Pool, machine: Machine) -> None:
        async with self._gate:
            started = time.monotonic()
            try:
                result = await self._one(pool, machine)
            except errors.UnknownOutcome as error:
                result = Result(machine, State.UNKNOWN, why=str(error))
            except errors.SourceError as error:
                result = Result(machine, State.FAILED, why=str(error))
            except asyncio.CancelledError:
                if machine.name not in self.results:
                    self._end(Result(machine, State.CANCELLED, why="before the command was sent"))
                raise
            if machine.name not in self.results:
                self._end(_lasting(result, time.monotonic() - started))

    async def _one(self, pool: Pool, machine: Machine) -> Result:
        started = time.monotonic()
        async with sent(pool, machine, self.order.command) as remote:
            try:
                async with asyncio.timeout(self.order.timeout_seconds) as limit:
                    await self._read(machine, remote)
            except TimeoutError:
                if not limit.expired():
                    raise
                if remote.ending.known:
                    remote.ending.pipe_held = True
                    return _ended(machine, remote.ending)
                said = f"no end after {self.order.timeout_seconds:g} s"
                return await _stopped(remote, machine, State.TIMED_OUT, said)
            except asyncio.CancelledError:
                result = await _stopped(remote, machine, State.CANCELLED, "cancelled")
                self._end(_lasting(result, time.monotonic() - started))
                raise
        return _ended(machine, remote.ending)

    async def _read(self, machine: Machine, remote: Remote) -> None:
        while (chunk := await remote.read()) is not None:
            self._on_output(machine, chunk)
            await self._drained()

    def _end(self, result: Result) -> None:
        self.results[result.machine.name] = result
        self._on_result(result)


def _lasting(result: Result, seconds: float) -> Result:
    return Result(result.machine, result.state, result.status, result.signal, result.why, seconds, result.stop)


async def _stopped(remote: Remote, machine: Machine, state: State, said: str) -> Result:
    stopped = await remote.stop()
    if stopped.confirmed:
        return Result(machine, state, why=f"{said}; stopped", stop="confirmed")
    return Result(machine, state, why=f"{said}; it may still run: {stopped.why}", stop="unconfirmed")


def _ended(machine: Machine, ending: Ending) -> Result:
    held = "; a detached child still holds its output" if ending.pipe_held else ""
    if ending.signal:
        return Result(machine, State.FAILED, signal=ending.signal, why=f"ended by SIG{ending.signal}{held}")
    if ending.status is None:
        why = f"the connection was lost after the command was sent ({ending.lost}); it may have run or still run"
        return Result(machine, State.UNKNOWN, why=why)
    if ending.status:
        return Result(machine, State.FAILED, ending.status, why=f"exit status {ending.status}{held}")
    return Result(machine, State.SUCCEEDED, 0, why=held.removeprefix("; "))


def summary(results: Sequence[Result]) -> str:
    """ "5 hosts: 3 succeeded, 2 failed"."""
    words = {state: sum(result.state is state for result in results) for state in State}
    counted = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in words.items() if count)
    return f"{len(results)} host{'s' if len(results) != 1 else ''}: {counted or 'nothing to do'}"
