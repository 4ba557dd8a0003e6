"""The inventories of one session together: read, merged, and read again when they may say something else."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from cockpit.config import settings
from cockpit.fleet import selection
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.inventory.read import Contents
from cockpit.fleet.machine import Machine
from cockpit.model import errors

AGAIN_SECONDS = 0.25
"""That a caller waits for an inventory that is read again; a program goes on behind, hosts are watched meanwhile."""
TRUSTED_SECONDS = 600.0
"""How old the last answer of a program may be when it fails: a cloud that does not list its hosts has not lost them."""


class Inventories:
    """A name stands for one machine: where two inventories know it, the first one wins."""

    def __init__(self, fleet: settings.Fleet) -> None:
        self.fleet = fleet
        self.sources = inventory.sources(fleet)
        self.machines: Mapping[str, Machine] = {}
        """By name, in the order of the inventories, as last read."""
        self.complaint = ""
        """What is wrong with `fleet.production_hosts`."""
        self._contents: dict[str, Contents] = {}
        self._read_at: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        """Why the last answer of a program is still used."""
        self._locks = {source: asyncio.Lock() for source in self.sources}
        self._merging = asyncio.Lock()
        self._again: dict[str, asyncio.Task[None]] = {}
        self._fresh: set[str] = set()
        """Read, and not given by `read` yet."""
        self._tried: set[str] = set()
        self._given: dict[str, tuple[Machine, ...]] = {}

    @property
    def notes(self) -> list[str]:
        """What was left out of the inventories, and what they say only from memory, a line each."""
        left_out = [f"{source}: {note}" for source, contents in self._contents.items() for note in contents.notes]
        return [*left_out, *(f"{source}: as it was before this: {why}" for source, why in self._failed.items())]

    def machine(self, key: str) -> Machine | None:
        """By the key of its row."""
        return next((machine for machine in self.machines.values() if machine.key == key), None)

    def own(self, source: str) -> tuple[Machine, ...]:
        """The machines of a source that no earlier one names."""
        return tuple(machine for machine in self.machines.values() if machine.source == source)

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

    async def changed(self, source: str) -> bool:
        """Whether an inventory has other machines than `read` gave: what may be another by now is read again.

        Whoever asks says when it is over, see `leave`. Raises model.errors.
        """
        contents = self._contents.get(source)
        if contents is None:
            return False
        if source not in self._again and await asyncio.to_thread(contents.changed):
            self._again[source] = asyncio.create_task(self._refresh(source), name=f"inventory:{source}")
        reading = self._again.get(source)
        if reading is not None and (await asyncio.wait([reading], timeout=AGAIN_SECONDS))[0]:
            del self._again[source]
            reading.result()
        return self.own(source) != self._given.get(source)

    async def leave(self, source: str) -> None:
        """Nobody asks any more whether it has changed: a program that is on its way is ended."""
        reading = self._again.pop(source, None)
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

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

    async def _try(self, source: str) -> None:
        async with self._locks[source]:
            if source not in self._tried:
                with contextlib.suppress(errors.SourceError):
                    await self._fetch(source)

    async def _refresh(self, source: str) -> None:
        """What a program said is kept for a while when it fails."""
        async with self._locks[source]:
            try:
                await self._fetch(source)
            except errors.SourceError as error:
                known = self._contents[source]
                if known.until is None or time.monotonic() - self._read_at[source] > TRUSTED_SECONDS:
                    raise
                self._failed[source] = str(error)
                self._contents[source] = replace(known, until=time.monotonic() + inventory.COMMAND_SECONDS)

    async def _fetch(self, source: str) -> None:
        self._tried.add(source)
        self._contents[source] = await inventory.read(self.fleet, source)
        self._read_at[source] = time.monotonic()
        self._failed.pop(source, None)
        self._fresh.add(source)
        async with self._merging:
            known = [contents.machines for name in self.sources if (contents := self._contents.get(name)) is not None]
            self.machines, self.complaint = await asyncio.to_thread(_merged, known, self.fleet.production_hosts)


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
