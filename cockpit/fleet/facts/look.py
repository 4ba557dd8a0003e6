"""One look at each of some machines, for who shows them once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.facts.sampler import KEPT, Sampler, Turns
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine


async def look(pool: Pool, machines: Sequence[Machine], seconds: float) -> list[Host]:
    """How they are, in their order; each has so many seconds to say it. What is wrong with one is in its row."""
    gate, turns = asyncio.Semaphore(KEPT), Turns()

    async def one(machine: Machine) -> Host:
        sampler = Sampler(pool, machine, seconds, lambda _: None, turns)
        if machine.unsupported:
            return sampler.row
        async with gate:
            try:
                async with asyncio.timeout(seconds):
                    return await sampler.once()
            except TimeoutError:
                return sampler.late(seconds)

    async with pool.used():
        return list(await asyncio.gather(*map(one, machines)))
