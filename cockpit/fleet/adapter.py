"""The hosts of one inventory as a source. The source is the inventory; that a host does not answer is its own state."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from msgspec.structs import replace

from cockpit.fleet import host as states
from cockpit.fleet import look
from cockpit.fleet.engine.remote import answer
from cockpit.fleet.host import Host, unseen
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.trust.knownhosts import HostKeyRefused, stamp
from cockpit.model import errors
from cockpit.model.changes import Change, Confirm, Reset, Upsert

COALESCE_SECONDS = 0.1
LOOK_SECONDS = 10.0
"""For the answer of a host that is connected."""
LOOKING = 32
"""Hosts that are looked at, at the same time."""
BACKOFF_SECONDS = (2.0, 60.0)
"""After an unreachable host: first, most."""
DENIED_SECONDS = 300.0
"""After a refused key: sshd counts failed logins against us (PerSourcePenalties)."""


class FleetAdapter:
    """Looks at each machine every `fleet.interval` seconds over a kept connection."""

    def __init__(self, roster: Roster, source: str) -> None:
        self.name = source
        self.interval = max(0.5, roster.fleet.interval)
        self._roster = roster

    @property
    def silence(self) -> float | None:
        """Every round confirms."""
        return 30.0 + 3 * self.interval

    async def watch(self) -> AsyncIterator[Change[Host]]:
        """The inventory at once, its hosts as they are seen, a Confirm for each quiet round."""
        async with self._roster.pool.used():
            while True:
                machines = await self._roster.read(self.name)
                yield Reset(tuple(unseen(machine) for machine in machines))
                round_ = _Round(self._roster, machines, self.interval)
                try:
                    while not await self._roster.changed(self.name):
                        async with aclosing(round_.changes(self.interval)) as changes:
                            async for change in changes:
                                yield change
                finally:
                    await round_.close()


class _Round:
    """The looks at a fixed set of machines, one task each, merged."""

    def __init__(self, roster: Roster, machines: Iterable[Machine], interval: float) -> None:
        self._roster, self._interval = roster, interval
        self._gate = asyncio.Semaphore(LOOKING)
        self._pending: dict[str, Host] = {}
        self._wake = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._keep(machine), name=f"look:{machine.name}")
            for machine in machines
            if not machine.unsupported
        ]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._wake.set())

    async def changes(self, seconds: float) -> AsyncGenerator[Change[Host], None]:
        """What is seen within so many seconds, merged every tenth of one; at the end a Confirm when it was nothing."""
        quiet, over = True, time.monotonic() + seconds
        while (left := over - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                break
            self._wake.clear()
            for task in self._tasks:
                if task.done():
                    task.result()
            pending, self._pending = self._pending, {}
            if pending:
                quiet = False
                yield Upsert(tuple(pending.values()))
                await asyncio.sleep(COALESCE_SECONDS)
        if quiet:
            yield Confirm()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, machine: Machine) -> None:
        """Look for ever; wait longer after failures, and less when the file that refused its key has changed."""
        failures = 0
        busy: tuple[int, int] | None = None
        row = unseen(machine)
        while True:
            try:
                async with self._gate:
                    started = time.monotonic()
                    said = await answer(self._roster.pool, machine, look.COMMAND, seconds=LOOK_SECONDS)
                    seconds = time.monotonic() - started
            except errors.SourceError as error:
                failures, busy = failures + 1, None
                self._put(_failed(row, error))
                await self._after(machine, error, failures)
                continue
            failures = 0
            seen = look.parse(said)
            self._put(_seen(row, seen, seconds, look.cpu_ratio(busy, seen.busy)))
            busy = seen.busy
            await asyncio.sleep(self._interval * random.uniform(0.9, 1.1))

    async def _after(self, machine: Machine, error: errors.SourceError, failures: int) -> None:
        first, most = BACKOFF_SECONDS
        if not isinstance(error, errors.Denied):
            await asyncio.sleep(min(most, first * 2 ** min(failures - 1, 10)) * random.uniform(0.5, 1.0))
            return
        files = (*machine.known_hosts, *machine.identities)
        before = await asyncio.to_thread(stamp, files)
        until = time.monotonic() + DENIED_SECONDS
        changed = False
        while not changed and time.monotonic() < until:
            await asyncio.sleep(min(self._interval, 5.0))
            changed = await asyncio.to_thread(stamp, files) != before

    def _put(self, host: Host) -> None:
        self._pending[host.key] = host
        self._wake.set()


def _failed(row: Host, error: errors.SourceError) -> Host:
    match error:
        case HostKeyRefused():
            state = states.HOSTKEY
        case errors.Denied():
            state = states.DENIED
        case errors.Unreachable():
            state = states.UNREACHABLE
        case _:
            state = states.FAILED
    return replace(row, state=state, error="; ".join(filter(None, (str(error), row.error))))


def _seen(row: Host, seen: look.Seen, seconds: float, cpu: float | None) -> Host:
    if seen.empty:
        why = "it answers, but not as a Linux host does (no /proc); nothing is known of it"
        return replace(row, state=states.UP, error=why, latency_seconds=seconds)
    return replace(
        row,
        state=states.UP,
        latency_seconds=seconds,
        load1=seen.load1,
        cpus=seen.cpus,
        cpu_ratio=cpu,
        memory_used_ratio=seen.memory_used_ratio,
        disk_used_ratio=seen.disk_used_ratio,
        uptime_seconds=seen.uptime_seconds,
    )
