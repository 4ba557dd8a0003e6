"""The connections of one session, kept and shared: the looks, the views and the commands of a host use one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from cockpit.fleet.engine.link import Link, NotSent, Running, Terminal
from cockpit.fleet.engine.local import LocalLink
from cockpit.fleet.machine import Machine
from cockpit.model import errors

if TYPE_CHECKING:
    from types import ModuleType

CONNECT_SECONDS = 10.0
"""Name, TCP, host key and login together."""
CONNECTING = 32
"""Connections being made at the same time."""
CHANNELS = 7
"""Commands at the same time on one connection; sshd allows 10 (MaxSessions), and stopping one needs one more."""


def _import() -> ModuleType:
    from cockpit.fleet.engine import connect

    return connect


class _Slot:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.channels = asyncio.Semaphore(CHANNELS)
        self.link: Link | None = None


class Pool:
    """One connection per way to a host, made when first needed and again when it was lost."""

    def __init__(self, *, connect_seconds: float = CONNECT_SECONDS) -> None:
        self._connect_seconds = connect_seconds
        self._slots: dict[tuple[Any, ...], _Slot] = {}
        self._gate = asyncio.Semaphore(CONNECTING)
        self._users = 0

    @asynccontextmanager
    async def used(self) -> AsyncIterator[Pool]:
        """Connections are kept while somebody uses the pool, and closed when the last one leaves."""
        self._users += 1
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                await self._close()

    async def start(self, machine: Machine, command: str, *, feed: bool = False) -> Running:
        """Run a command line on the machine, see Link.start. Raises model.errors."""
        return await self._opened(machine, lambda link: link.start(command, feed=feed))

    async def shell(self, machine: Machine, terminal: Terminal) -> Running:
        """A shell on the machine, see Link.shell. Raises model.errors."""
        return await self._opened(machine, lambda link: link.shell(terminal))

    async def _opened(self, machine: Machine, start: Callable[[Link], Awaitable[Running]]) -> Running:
        """A connection that had died unnoticed is replaced once: nothing was sent."""
        for last in (False, True):
            link = await self.link(machine)
            try:
                return await start(link)
            except NotSent as error:
                await self.drop(machine, link)
                if last:
                    raise errors.Unreachable(f"{machine.where}: the connection was lost ({error})") from error
        raise AssertionError

    def channels(self, machine: Machine) -> asyncio.Semaphore:
        """Bounds what runs at once on the connection of this machine."""
        return self._slot(machine).channels

    def connected(self, machine: Machine) -> bool:
        """Whether a command would go out at once."""
        slot = self._slot(machine)
        return slot.link is not None and slot.link.alive

    async def link(self, machine: Machine) -> Link:
        """The kept connection, made if there is none. Raises model.errors."""
        if machine.unsupported:
            raise errors.Refused(f"{machine.name} needs {machine.unsupported}, which cockpit does not do yet")
        slot = self._slot(machine)
        async with slot.lock:
            if slot.link is not None and slot.link.alive:
                return slot.link
            slot.link = None
            slot.link = await self.another(machine)
            return slot.link

    async def another(self, machine: Machine) -> Link:
        """A connection that is not kept: whoever asks for it closes it. Raises model.errors."""
        if machine.transport == "local":
            return LocalLink()
        engine = await asyncio.to_thread(_import)
        async with self._gate:
            link: Link = await engine.connect(machine, seconds=self._connect_seconds)
        return link

    async def drop(self, machine: Machine, link: Link) -> None:
        """Give up a connection that does not answer."""
        slot = self._slot(machine)
        if slot.link is link:
            slot.link = None
        await link.close()

    def _slot(self, machine: Machine) -> _Slot:
        return self._slots.setdefault(machine.route, _Slot())

    async def _close(self) -> None:
        links = [slot.link for slot in self._slots.values() if slot.link is not None]
        self._slots.clear()
        async with asyncio.TaskGroup() as group:
            for link in links:
                group.create_task(link.close())
