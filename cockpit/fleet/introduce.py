"""Hosts whose keys are not known, found before anything is run on them: those to go through first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.machine import Machine
from cockpit.model import errors

if TYPE_CHECKING:
    from cockpit.fleet.engine.connect import Stranger
    from cockpit.fleet.engine.pool import Pool


class Met(Struct, frozen=True):
    """What a host shows."""

    machine: Machine
    stranger: Stranger | None = None
    """None: its key is known, or could not be seen."""
    why: str = ""
    """Why it could not be seen, or may not be trusted."""


def levels(machines: Iterable[Machine]) -> list[list[Machine]]:
    """The machines and all hops to them, each once, by the number of hops before them."""
    found: dict[tuple[object, ...], Machine] = {}
    for machine in machines:
        hops = [replace(hop, jumps=machine.jumps[:place]) for place, hop in enumerate(machine.jumps)]
        for one in (*hops, machine):
            found.setdefault(one.route, one)
    by_depth: dict[int, list[Machine]] = {}
    for machine in found.values():
        by_depth.setdefault(len(machine.jumps), []).append(machine)
    return [by_depth[depth] for depth in sorted(by_depth)]


async def meet(pool: Pool, machines: Iterable[Machine]) -> list[Met]:
    """The keys of hosts whose hops are known. Nothing is logged in to but these."""

    async def one(machine: Machine) -> Met:
        try:
            return Met(machine, await pool.stranger(machine))
        except errors.SourceError as error:
            return Met(machine, why=str(error))

    return await asyncio.gather(*map(one, machines))
