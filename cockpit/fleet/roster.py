"""The fleet of one session: its inventories as they are now, and the connections to its machines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cockpit.config import settings
from cockpit.config.places import state_dir
from cockpit.fleet import selection
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.fold import fold
from cockpit.fleet.host import Host
from cockpit.fleet.inventories import Inventories
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import FOLDER, History
from cockpit.fleet.results.recall import Recall
from cockpit.fleet.trust.consent import Consent, Nobody
from cockpit.model import errors
from cockpit.tasks.terminal import Lend


class Roster(Inventories):
    """The machines, the connections to them, and the runs that selections look back at."""

    def __init__(self, fleet: settings.Fleet, *, pool: Pool | None = None) -> None:
        super().__init__(fleet)
        self.pool = pool or Pool()
        self.person: Consent = Nobody()
        """Who is asked when somebody wants to trust a host; connections on their way ask through `Pool.ask`."""
        self.past = Recall(History(state_dir() / FOLDER))
        self.lend: Lend | None = None
        """The way to the person's terminal, for a shell; set by whoever draws on it."""

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

    async def changed(self, source: str) -> bool:
        """See Inventories.changed. Past runs are looked at, too. Raises model.errors."""
        if source == self.sources[0]:
            await asyncio.to_thread(self.past.refresh)
        return await super().changed(source)
