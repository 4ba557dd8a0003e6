"""What is inside one host as a source: its processes, its units. Asked only while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from cockpit.fleet.facts import processes, units
from cockpit.fleet.facts.dialogue import Dialogue, dialogue
from cockpit.fleet.facts.processes import Process
from cockpit.fleet.facts.units import Answer, Unit
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.model import errors
from cockpit.model.changes import Change, Reset

PROCESSES_SECONDS = 2.0
"""Between two looks."""
UNITS_SECONDS = 5.0
SINCE_SECONDS = 30.0
"""Between two questions since when the units are as they are."""
ANSWER_SECONDS = 20.0
LARGE_BYTES = 64 * 1024
"""An answer from which on is read in a thread: more would hold the loop for milliseconds."""
STEADY_SECONDS = 2.0
"""Two stamps of one unit that differ by less are the same: our clock and the host's are read apart."""


_R = TypeVar("_R")


def machine_of(roster: Roster, host: Host) -> Machine:
    """Raises errors.NotFound."""
    machine = roster.machine(host.key)
    if machine is None:
        raise errors.NotFound(f"{host.name} is no longer in the inventory")
    return machine


class ProcessesAdapter:
    """The processes of a host."""

    silence: float | None = 2 * ANSWER_SECONDS

    def __init__(self, roster: Roster, host: Host) -> None:
        self.name = host.name
        self._roster, self._host = roster, host

    async def watch(self) -> AsyncIterator[Change[Process]]:
        """All of them, every two seconds; the second look comes sooner, for it alone says what each takes."""
        async with self._roster.pool.used() as pool:
            machine = machine_of(self._roster, self._host)
            async with dialogue(pool, machine, processes.SCRIPT, ask=True) as asked:
                before, pause = processes.NOTHING, PROCESSES_SECONDS / 4
                while True:
                    answer = await asked.ask(
                        processes.QUESTION, seconds=ANSWER_SECONDS, most_bytes=processes.MOST_BYTES
                    )
                    before = await _off_the_loop(answer, partial(processes.parse, before=before))
                    if not before.processes:
                        raise errors.Refused(
                            f"{machine.where} shows no processes; cockpit reads Linux's /proc, with awk"
                        )
                    yield Reset(before.processes)
                    await asyncio.sleep(pause)
                    pause = PROCESSES_SECONDS


class UnitsAdapter:
    """The units of a host's systemd."""

    silence: float | None = 2 * ANSWER_SECONDS + UNITS_SECONDS

    def __init__(self, roster: Roster, host: Host) -> None:
        self.name = host.name
        self._roster, self._host = roster, host

    async def watch(self) -> AsyncIterator[Change[Unit]]:
        """All of them, every five seconds; their times follow the first names."""
        async with self._roster.pool.used() as pool:
            machine = machine_of(self._roster, self._host)
            async with dialogue(pool, machine, units.SCRIPT, ask=True) as asked:
                loop = asyncio.get_running_loop()
                since: dict[str, float] = {}
                states: dict[str, tuple[str, str]] | None = None
                due = 0.0
                while True:
                    answer = await _asked(asked, "units", machine)
                    now = {unit.key: (unit.active, unit.sub) for unit in answer.units or ()}
                    if states is None:
                        yield Reset(answer.units or ())
                    if now != states or loop.time() >= due:
                        answer = await _asked(asked, "units since", machine)
                        since = _steady(since, answer.since or {})
                        due = loop.time() + SINCE_SECONDS
                    states = {unit.key: (unit.active, unit.sub) for unit in answer.units or ()}
                    yield Reset(tuple(replace(unit, since_at=since.get(unit.key)) for unit in answer.units or ()))
                    await asyncio.sleep(UNITS_SECONDS)


async def _asked(asked: Dialogue, question: str, machine: Machine) -> Answer:
    """Raises errors.Refused where there is no systemd."""
    said = await asked.ask(question, seconds=ANSWER_SECONDS, most_bytes=units.MOST_BYTES)
    answer = await _off_the_loop(said, units.parse)
    if not answer.systemd:
        raise errors.Refused(f"no systemd on {machine.name}: its services are run by something else")
    if answer.units is None:
        raise errors.Unreachable(f"{machine.where}: systemctl does not answer there")
    return answer


def _steady(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """The stamps of now; one that differs by next to nothing stays, so that its row does."""
    return {
        name: before[name] if abs(before.get(name, 0.0) - stamp) < STEADY_SECONDS else stamp
        for name, stamp in now.items()
    }


async def _off_the_loop(answer: bytes, parse: Callable[[bytes], _R]) -> _R:
    return await asyncio.to_thread(parse, answer) if len(answer) > LARGE_BYTES else parse(answer)
