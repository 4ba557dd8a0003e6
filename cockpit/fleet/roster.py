"""The fleet of one session: its inventories as they are now, and the connections to its machines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from cockpit.config import settings
from cockpit.config.places import state_dir
from cockpit.fleet import selection
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.fold import fold
from cockpit.fleet.host import Host
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.inventory.read import Contents
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import FOLDER, History
from cockpit.fleet.results.recall import Recall
from cockpit.fleet.shell.bridge import Lend
from cockpit.fleet.trust.consent import Consent, Nobody
from cockpit.model import errors


class Roster:
    """A name stands for one machine: where two inventories know it, the first one wins."""

    def __init__(self, fleet: settings.Fleet, *, pool: Pool | None = None) -> None:
        self.fleet = fleet
        self.sources = inventory.sources(fleet)
        self.pool = pool or Pool()
        self.person: Consent = Nobody()
        """Who is asked when somebody wants to trust a host; connections on their way ask through `Pool.ask`."""
        self.past = Recall(History(state_dir() / FOLDER))
        self.lend: Lend | None = None
        """The way to the person's terminal, for a shell; set by whoever draws on it."""
        self.machines: Mapping[str, Machine] = {}
        """By name, in the order of the inventories, as last read."""
        self.complaint = ""
        """What is wrong with `fleet.production_hosts`."""
        self._contents: dict[str, Contents] = {}
        self._locks = {source: asyncio.Lock() for source in self.sources}
        self._merging = asyncio.Lock()
        self._fresh: set[str] = set()
        """Read, and not given by `read` yet."""
        self._tried: set[str] = set()
        self._given: dict[str, tuple[Machine, ...]] = {}

    def machine(self, key: str) -> Machine | None:
        """By the key of its row."""
        return next((machine for machine in self.machines.values() if machine.key == key), None)

    @property
    def notes(self) -> list[str]:
        """What was left out of the inventories, a line each."""
        return [f"{source}: {note}" for source, contents in self._contents.items() for note in contents.notes]

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
            raise errors.Refused(f"{fold(gone)}: no longer in the inventory")
        if not hosts:
            raise errors.Refused("no host is named; mark some, or write web[1-3], @role, env=prod")
        return tuple(now[host.name] for host in hosts)

    async def read(self, source: str) -> tuple[Machine, ...]:
        """Read an inventory anew and give its machines, without those that an earlier one names. Raises model.errors.

        The earlier ones are read first where they were not yet, and all where a selection says which are production;
        what is wrong with them is their own affair.
        """
        before = self.sources if self.fleet.production_hosts else self.sources[: self.sources.index(source)]
        async with asyncio.TaskGroup() as group:
            for other in before:
                if other != source and other not in self._tried:
                    group.create_task(self._try(other))
        async with self._locks[source]:
            if source not in self._fresh:
                await self._fetch(source)
            self._fresh.discard(source)
        self._given[source] = self.own(source)
        return self._given[source]

    async def _try(self, source: str) -> None:
        async with self._locks[source]:
            if source not in self._tried:
                with contextlib.suppress(errors.SourceError):
                    await self._fetch(source)

    async def _fetch(self, source: str) -> None:
        self._tried.add(source)
        self._contents[source] = await inventory.read(self.fleet, source)
        self._fresh.add(source)
        async with self._merging:
            known = [contents.machines for name in self.sources if (contents := self._contents.get(name)) is not None]
            self.machines, self.complaint = await asyncio.to_thread(_merged, known, self.fleet.production_hosts)

    def own(self, source: str) -> tuple[Machine, ...]:
        """The machines of a source that no earlier one names."""
        return tuple(machine for machine in self.machines.values() if machine.source == source)

    async def changed(self, source: str) -> bool:
        """Whether an inventory has other machines than `read` gave: what may be another by now is read again.

        Past runs are looked at, too. Raises model.errors.
        """
        if source == self.sources[0]:
            await asyncio.to_thread(self.past.refresh)
        contents = self._contents.get(source)
        if contents is not None and await asyncio.to_thread(contents.changed):
            async with self._locks[source]:
                await self._fetch(source)
        return contents is not None and self.own(source) != self._given.get(source)

    async def load(self) -> list[str]:
        """Read all inventories; gives a line for each that cannot be read, and for what is wrong with production."""
        results = await asyncio.gather(*map(self.read, self.sources), return_exceptions=True)
        failures: list[str] = []
        for result in results:
            if isinstance(result, errors.SourceError):
                failures.append(str(result))
            elif isinstance(result, BaseException):
                raise result
        return [*failures, *([self.complaint] if self.complaint else [])]


def _merged(sources: Sequence[Sequence[Machine]], production: str) -> tuple[Mapping[str, Machine], str]:
    """The machines by name, and what is wrong with the selection of those in production: then it is all of them."""
    found: dict[str, Machine] = {}
    for machines in sources:
        for machine in machines:
            found.setdefault(machine.name, machine)
    if not production or not found:
        return found, ""
    complaint = ""
    try:
        chosen = {machine.name for machine in selection.select(production, found)}
    except errors.Refused as error:
        complaint = f"fleet.production_hosts: {error}; until that is mended every host counts as production"
        chosen = set(found)
    note = ("production, for fleet.production_hosts cannot be used",) if complaint else ()
    for name in chosen:
        found[name] = replace(found[name], production=True, notes=(*found[name].notes, *note))
    return found, complaint
