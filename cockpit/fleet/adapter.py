"""The hosts of one inventory as a source. The source is the inventory; that a host does not answer is its own state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing

from cockpit.fleet.facts.sampler import Sampler, Turns
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.model.changes import Change, Confirm, Reset, Upsert

COALESCE_SECONDS = 0.1
LEAST_SECONDS = 0.5
"""Between two samples of a host, whatever is configured."""


class FleetAdapter:
    """Samples each machine every `fleet.interval` seconds over a kept channel."""

    def __init__(self, roster: Roster, source: str, turns: Turns) -> None:
        """`turns` are shared by all inventories of a fleet."""
        self.name = source
        self.interval = max(LEAST_SECONDS, roster.fleet.interval)
        self._roster, self._turns = roster, turns

    @property
    def silence(self) -> float | None:
        """Every round confirms."""
        return 30.0 + 3 * self.interval

    async def watch(self) -> AsyncIterator[Change[Host]]:
        """The inventory at once, its hosts as they are seen, a Confirm for each quiet round."""
        async with self._roster.pool.used():
            samplers = _Samplers(self._roster, self.interval, self._turns)
            try:
                while True:
                    await samplers.become(await self._roster.read(self.name))
                    yield Reset(samplers.rows())
                    while not await self._roster.changed(self.name):
                        async with aclosing(samplers.changes(self.interval)) as changes:
                            async for change in changes:
                                yield change
            finally:
                await self._roster.leave(self.name)
                await samplers.become(())


class _Samplers:
    """One task for each machine, their rows merged."""

    def __init__(self, roster: Roster, interval: float, turns: Turns) -> None:
        self._roster, self._interval, self._turns = roster, interval, turns
        self._all: dict[str, tuple[Sampler, asyncio.Task[None]]] = {}
        self._ended: list[asyncio.Task[None]] = []
        self._pending: dict[str, Host] = {}
        self._wake = asyncio.Event()

    def rows(self) -> tuple[Host, ...]:
        """All of them as they are now."""
        self._pending.clear()
        return tuple(sampler.row for sampler, _ in self._all.values())

    async def become(self, machines: Iterable[Machine]) -> None:
        """Sample these: a machine that is as it was keeps its channel and its row, the others' end."""
        before, self._all = self._all, {}
        for machine in machines:
            kept = before.get(machine.key)
            if kept is not None and kept[0].machine == machine:
                self._all[machine.key] = before.pop(machine.key)
            else:
                sampler = Sampler(self._roster.pool, machine, self._interval, self._put, self._turns)
                task = asyncio.create_task(sampler.run(), name=f"sample:{machine.name}")
                task.add_done_callback(self._over)
                self._all[machine.key] = (sampler, task)
        gone = [task for _, task in before.values()]
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)

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
            for task in self._ended:
                task.result()
            pending, self._pending = self._pending, {}
            if pending:
                quiet = False
                yield Upsert(tuple(pending.values()))
                await asyncio.sleep(COALESCE_SECONDS)
        if quiet:
            yield Confirm()

    def _over(self, task: asyncio.Task[None]) -> None:
        """A sampler ends by itself only for a machine that is never connected, or by a defect of ours."""
        if not task.cancelled():
            self._ended.append(task)
            self._wake.set()

    def _put(self, host: Host) -> None:
        self._pending[host.key] = host
        self._wake.set()
