"""One host of a run under way: what its attempts tell goes on to the rows, the spool, the record and the listener."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from cockpit.fleet.engine.link import Chunk
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import HostResult, Phase
from cockpit.fleet.results.record import HostLine, Recorder
from cockpit.fleet.results.spool import HostOutput, Sealed, Spool
from cockpit.fleet.run.attempt import End
from cockpit.fleet.run.rows import Rows


class Listener(Protocol):
    """Who prints a run: told of everything at once."""

    def output(self, machine: Machine, chunk: Chunk) -> bool:
        """True: await `room` before there is more."""

    async def room(self) -> None:
        """A slow reader slows the hosts down."""

    async def ended(self, line: HostLine, output: HostOutput | None) -> None:
        """A host has ended and its output is sealed. None: it said nothing."""


class Site:
    """The attempt.Host of one machine."""

    def __init__(
        self,
        machine: Machine,
        spool: Spool,
        recorder: Recorder,
        rows: Rows,
        listener: Listener | None,
        logged_in: Callable[[], None],
    ) -> None:
        self.output: HostOutput | None = None
        """Of the attempt under way; None: it said nothing yet."""
        self._machine, self._spool, self._recorder = machine, spool, recorder
        self._rows, self._listener, self._logged_in = rows, listener, logged_in
        self._started = self._entered = time.monotonic()
        self._phase = Phase.QUEUED
        self._seconds: dict[str, float] = {}
        self._attempt = 1
        recorder.begun(machine.name)

    def enter(self, phase: Phase) -> None:
        self._leave()
        if phase is Phase.EXEC:
            self._logged_in()
        self._phase = phase
        self._rows.enter(self._machine.name, phase)

    async def sending(self) -> None:
        """A kill -9 from here on must find in the record that this host was begun."""
        await self._recorder.written()

    def take(self, chunk: Chunk) -> bool:
        if self.output is None:
            self.output = self._spool.host(self._machine.name, attempt=self._attempt)
            self._rows.said(self._machine.name, self.output)
        self.output.write(chunk.data, stderr=chunk.stderr)
        self._rows.grew(self._machine.name)
        slow = self._listener is not None and self._listener.output(self._machine, chunk)
        return slow or self.output.full

    async def room(self) -> None:
        assert self.output is not None
        self._rows.changed()
        await self.output.room()
        if self._listener is not None:
            await self._listener.room()
        self._rows.changed()

    def again(self) -> None:
        """Another attempt; what was said in this one stays in a file of its own."""
        self._attempt += 1
        self.output = None

    async def sealed(self) -> Sealed:
        """A cancel does not cut this short: the writer ends it."""
        while self.output is not None:
            with suppress(asyncio.CancelledError):
                return await self.output.seal()
        return Sealed()

    def result(self, end: End, sealed: Sealed) -> HostResult:
        self._leave()
        return HostResult(
            machine=self._machine,
            outcome=end.outcome,
            exit_code=end.exit_code,
            signal=end.signal,
            why=end.why,
            kill=end.kill,
            pipe_held=end.pipe_held,
            attempts=end.attempts,
            duration_seconds=self._entered - self._started,
            phases={phase: round(seconds, 4) for phase, seconds in self._seconds.items()},
            stdout_bytes=sealed.stdout_bytes,
            stderr_bytes=sealed.stderr_bytes,
            lines=sealed.lines,
            truncated=sealed.truncated,
            stdout_digest=sealed.stdout_digest,
            stderr_digest=sealed.stderr_digest,
            spill=sealed.stdout_path,
            stderr_spill=sealed.stderr_path,
        )

    def _leave(self) -> None:
        now = time.monotonic()
        if self._phase is not Phase.QUEUED:
            self._seconds[self._phase] = self._seconds.get(self._phase, 0.0) + now - self._entered
        self._entered = now
