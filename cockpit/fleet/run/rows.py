"""The hosts of a run as a table shows them, live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Phase
from cockpit.fleet.results.record import HostLine
from cockpit.fleet.results.spool import HostOutput
from cockpit.model import clock
from cockpit.model.changes import Delta
from cockpit.model.followers import Followers

FOLLOW_SECONDS = 0.05
"""Between two deltas of a follower."""


class HostRow(Struct, frozen=True, gc=False):
    """One host of a run."""

    key: str
    """The name."""
    name: str
    address: str
    """With the port where it is not 22."""
    phase: Phase = Phase.QUEUED
    result: HostLine | None = None
    """Once it has ended."""
    begun: float | None = None
    """On the steady clock (model/clock.py); None: it waits for its turn."""
    wave: int = 0
    """Which one it is of, from 0."""
    out_bytes: int = 0
    """Of both streams so far."""
    lines: int = 0
    last_line: str = ""
    """Of its output; not made printable."""

    def seconds(self, now: float) -> float | None:
        """How long it has run, or ran. `now` is on the steady clock."""
        if self.result is not None:
            return self.result.duration_seconds
        return None if self.begun is None else max(0.0, now - self.begun)


class Rows:
    """Of one run. Followers are told of growing output at most every FOLLOW_SECONDS, and only of hosts that grew."""

    def __init__(self, machines: Sequence[Machine], waves: Sequence[range]) -> None:
        wave_of = {place: number for number, wave in enumerate(waves) for place in wave}
        self._rows = {m.name: HostRow(m.name, m.name, _address(m), wave=wave_of[n]) for n, m in enumerate(machines)}
        self._outputs: dict[str, HostOutput] = {}
        self._followers = Followers(self._rows)
        self._growing: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def all(self) -> Mapping[str, HostRow]:
        """By name, in the order of the run."""
        return MappingProxyType(self._rows)

    def output(self, name: str) -> HostOutput | None:
        """None: it said nothing yet."""
        return self._outputs.get(name)

    def follow(self, period: float) -> AsyncIterator[Delta[HostRow]]:
        """The whole at once, then the rows that changed; `health` is set after `changed`."""
        self._publish()
        return self._followers.follow(period)

    def changed(self) -> None:
        """Something of the run itself is another."""
        self._followers.health()

    def enter(self, name: str, phase: Phase) -> None:
        """A host is at this now."""
        row = self._rows[name]
        self._put(replace(row, phase=phase, begun=clock.steady() if row.begun is None else row.begun))

    def ended(self, line: HostLine) -> None:
        row = self._grown(self._rows[line.host])
        self._growing.discard(line.host)
        self._put(replace(row, phase=Phase.DONE, result=line, lines=line.lines))

    def said(self, name: str, output: HostOutput) -> None:
        """A host said something for the first time in this attempt."""
        self._outputs[name] = output

    def grew(self, name: str) -> None:
        """A host said more."""
        self._growing.add(name)
        if self._timer is None and len(self._followers):
            self._timer = asyncio.get_running_loop().call_later(FOLLOW_SECONDS, self._publish)

    def _publish(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for name in self._growing:
            self._put(self._grown(self._rows[name]))
        self._growing.clear()

    def _grown(self, row: HostRow) -> HostRow:
        output = self._outputs.get(row.name)
        if output is None:
            return row
        size, line = output.stdout_bytes + output.stderr_bytes, output.last_line.decode("utf-8", "replace")
        return replace(row, out_bytes=size, lines=output.lines, last_line=line)

    def _put(self, row: HostRow) -> None:
        self._rows[row.key] = row
        self._followers.put({row.key: row})


def _address(machine: Machine) -> str:
    plain = machine.port == 22 or machine.transport == "local"
    return machine.address if plain else f"{machine.address}:{machine.port}"
