"""The fleet of one session: its inventories as they are now, and the connections to its machines."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from cockpit.config import settings
from cockpit.config.places import state_dir
from cockpit.fleet import selection
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.host import Host
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.inventory.read import Contents
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import History
from cockpit.fleet.results.recall import Recall
from cockpit.model import errors


class Roster:
    """A name stands for one machine: where two inventories know it, the first one wins."""

    def __init__(self, fleet: settings.Fleet, *, pool: Pool | None = None) -> None:
        self.fleet = fleet
        self.sources = inventory.sources(fleet)
        self.pool = pool or Pool()
        self.past = Recall(History(state_dir() / "fleet" / "runs"))
        self._contents: dict[str, Contents] = {}

    @property
    def machines(self) -> Mapping[str, Machine]:
        """By name, in the order of the inventories, as last read."""
        found: dict[str, Machine] = {}
        for source in self.sources:
            contents = self._contents.get(source)
            for machine in contents.machines if contents is not None else ():
                found.setdefault(machine.name, machine)
        return found

    def machine(self, key: str) -> Machine | None:
        """By the key of its row."""
        return next((machine for machine in self.machines.values() if machine.key == key), None)

    def select(self, expression: str) -> tuple[Machine, ...]:
        """See selection.select; past runs are as last looked at. Raises errors.Refused."""
        return selection.select(expression, self.machines, self.past)

    async def find(self, expression: str) -> tuple[Machine, ...]:
        """The same, with the runs that are past now. Raises errors.Refused."""
        if any(term.past is not None for term in selection.parse(expression)):
            await asyncio.to_thread(self.past.refresh)
        return self.select(expression)

    def of(self, hosts: Sequence[Host]) -> tuple[Machine, ...]:
        """The machines of these rows, as the inventories have them now. Raises errors.Refused."""
        now = self.machines
        gone = [host.name for host in hosts if host.name not in now]
        if gone:
            raise errors.Refused(f"{selection.fold(gone)}: no longer in the inventory")
        if not hosts:
            raise errors.Refused("no host is named; mark some, or write web[1-3], @role, env=prod")
        return tuple(now[host.name] for host in hosts)

    async def read(self, source: str) -> tuple[Machine, ...]:
        """Read an inventory anew and give its machines, without those that an earlier one names.

        The earlier ones are read first where they were not yet; what is wrong with them is their own affair.
        """
        for earlier in self.sources[: self.sources.index(source)]:
            if earlier not in self._contents:
                try:
                    self._contents[earlier] = await asyncio.to_thread(inventory.read, self.fleet, earlier)
                except errors.SourceError:
                    continue
        self._contents[source] = await asyncio.to_thread(inventory.read, self.fleet, source)
        return self.own(source)

    def own(self, source: str) -> tuple[Machine, ...]:
        """The machines of a source that no earlier one names."""
        return tuple(machine for machine in self.machines.values() if machine.source == source)

    async def changed(self, source: str) -> bool:
        """Whether the files of an inventory have changed since they were read. Past runs are looked at, too."""
        if source == self.sources[0]:
            await asyncio.to_thread(self.past.refresh)
        contents = self._contents.get(source)
        return contents is not None and await asyncio.to_thread(contents.changed)

    async def load(self) -> list[str]:
        """Read all inventories; gives a line for each that cannot be read."""
        failures: list[str] = []
        for source in self.sources:
            try:
                await self.read(source)
            except errors.SourceError as error:
                failures.append(str(error))
        return failures
