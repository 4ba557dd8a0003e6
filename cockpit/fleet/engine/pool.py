"""The connections of one session, kept and shared: the looks, the views and the commands of a host use one."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from cockpit.fleet.engine.failures import LostBeforeExec, Unasked
from cockpit.fleet.engine.gates import Adaptive, Pacer
from cockpit.fleet.engine.link import Link, NoChannel, NotSent, Running
from cockpit.fleet.engine.local import LocalLink
from cockpit.fleet.engine.slot import CHANNELS, Made, Making, Slot, most_connections, spare
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.consent import Consent, Nobody, OneAtATime
from cockpit.fleet.trust.refused import HostKeyRefused, HostKeyUnknown
from cockpit.model import errors
from cockpit.tasks.terminal import Terminal

if TYPE_CHECKING:
    from types import ModuleType

    from cockpit.fleet.engine.connect import Connector, Stranger, Way
    from cockpit.fleet.engine.dial import Hop
    from cockpit.fleet.engine.session import SshLink

__all__ = ["CHANNELS", "CONNECT_SECONDS", "Made", "Pool"]

CONNECT_SECONDS = 10.0
"""Name, TCP, host key and login together."""
YOUNG_OBJECTS = 10_000
"""Before the garbage among them is collected; at Python's own 700, 6 % of a cold batch is spent looking for it."""
CLOSING_SECONDS = (0.05, 0.1, 0.2, 0.4)
"""What to wait, at most, before a channel that was not opened is asked for again."""
LOOK_SECONDS = 30.0
"""Between two looks for idle connections."""
HOP_FAILED_SECONDS = 5.0
"""How long a hop that could not be reached is not tried again: a hundred hosts may be waiting behind it."""


def _import() -> ModuleType:
    from cockpit.fleet.engine import connect

    gc.freeze()  # what is imported by now stays for good: a collection that looks at it holds the loop for 15 ms
    gc.set_threshold(YOUNG_OBJECTS)  # a login makes thousands of objects, and most of them are still used when it ends
    return connect


class Pool:
    """One connection per way to a host, made when first needed and again when it was lost."""

    def __init__(self, *, connect_seconds: float = CONNECT_SECONDS, consent: Consent | None = None) -> None:
        """`consent` is asked about unknown host keys and for passphrases; without one nothing is accepted."""
        self._connect_seconds = connect_seconds
        self._consent = OneAtATime(consent or Nobody())
        self._connector: Connector | None = None
        self._importing = asyncio.Lock()
        self._pacer = Pacer()
        self._slots: dict[tuple[Any, ...], Slot] = {}
        self._gates: dict[tuple[Any, ...], Adaptive] = {}
        self._users = 0
        self._keeping: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Future[Any]] = set()
        self._most = most_connections()

    def ask(self, consent: Consent) -> None:
        """From now on ask somebody else."""
        self._consent.inner = consent

    @asynccontextmanager
    async def used(self) -> AsyncIterator[Pool]:
        """Connections are kept while somebody uses the pool, and closed when the last one leaves."""
        self._users += 1
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                await self._close()

    async def start(self, machine: Machine, command: str, *, feed: bool = False, ask: bool = True) -> Running:
        """Run a command line on the machine, see Link.start. Raises model.errors."""
        return await self._opened(machine, lambda link: link.start(command, feed=feed), ask)

    async def shell(self, machine: Machine, terminal: Terminal) -> Running:
        """A shell on the machine, see Link.shell. Raises model.errors."""
        return await self._opened(machine, lambda link: link.shell(terminal), True)

    async def _opened(self, machine: Machine, start: Callable[[Link], Awaitable[Running]], ask: bool) -> Running:
        """A connection that had died unnoticed is replaced once: nothing was sent."""
        for last in (False, True):
            link = await self.link(machine, ask=ask)
            try:
                running = await self._started(link, start, self._slot(machine).guests if ask else [])
            except NotSent as error:
                await self.drop(machine, link)
                if last:
                    said = f"{machine.where}: the connection was lost ({error})"
                    raise LostBeforeExec(said, attempts=2) from error
            else:
                self._slot(machine).running.add(running)
                return running
        raise AssertionError

    async def _started(
        self, link: Link, start: Callable[[Link], Awaitable[Running]], guests: Iterable[Callable[[], None]]
    ) -> Running:
        """sshd counts a channel until it has looked again, also one that we have just closed."""
        for pause in (*CLOSING_SECONDS, None):
            await self._pacer.turn()
            try:
                return await start(link)
            except NoChannel:
                if pause is None:
                    raise
                for leave in tuple(guests):
                    leave()
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        raise AssertionError

    def channels(self, machine: Machine) -> asyncio.Semaphore:
        """Bounds what runs at once on the connection of this machine."""
        return self._slot(machine).channels

    @contextmanager
    def guest(self, machine: Machine, leave: Callable[[], None]) -> Iterator[None]:
        """Who keeps a channel of this machine for long is told to leave when a command that somebody waits for gets
        none: an sshd may allow a single one (MaxSessions)."""
        guests = self._slot(machine).guests
        guests.append(leave)
        try:
            yield
        finally:
            guests.remove(leave)

    def connected(self, machine: Machine) -> bool:
        """Whether a command would go out at once."""
        return self._slot(machine).alive

    def made(self, machine: Machine) -> Made | None:
        """How the connection of this machine came about; None where there is none."""
        slot = self._slot(machine)
        return slot.made if slot.alive else None

    async def link(self, machine: Machine, *, ask: bool = True) -> Link:
        """The kept connection, made if there is none. With `ask` somebody may be asked: about an unknown host key, for
        a passphrase.

        Raises errors.Refused and what failures.py draws.
        """
        _supported(machine)
        slot = self._slot(machine)
        slot.used_at = asyncio.get_running_loop().time()
        while True:
            if slot.link is not None and slot.link.alive:
                return slot.link
            making = slot.making
            if making is None:
                making = slot.making = Making(slot, self._make(slot, machine, ask), ask=ask)
            try:
                return await making.link()
            except (Unasked, HostKeyUnknown):
                if making.ask or not ask:
                    raise
                # it was begun for somebody who would not have us ask

    async def another(self, machine: Machine) -> Link:
        """A connection that is not kept: whoever asks for it closes it. Raises what `link` does."""
        _supported(machine)
        if machine.transport == "local":
            return LocalLink()
        connector = await self._engine()
        link, _ = await connector.connect(self._way(machine, self._slot(machine), True))
        return link

    async def drop(self, machine: Machine, link: Link) -> None:
        """Give up a connection that does not answer."""
        slot = self._slot(machine)
        if slot.link is link:
            slot.link = None
        await link.close()

    async def stranger(self, machine: Machine) -> Stranger | None:
        """The key that a host shows, where it is not known; nothing is logged in to but the hosts before it.

        Raises what `link` does.
        """
        _supported(machine)
        if machine.transport == "local":
            return None
        connector = await self._engine()
        return await connector.stranger(self._way(machine, self._slot(machine), True))

    async def unlock(self, machine: Machine) -> list[tuple[str, bool]]:
        """Ask for the passphrases of a machine's keys: (file, is it open now) of those that have one."""
        if machine.transport == "local":
            return []
        return await (await self._engine()).unlock(machine)

    @property
    def unlocked(self) -> int:
        """Grows with each key that a passphrase opens: logins that were refused may be let in now."""
        return 0 if self._connector is None else self._connector.unlocked

    async def trust(self, stranger: Stranger) -> None:
        """Write its key down. Raises HostKeyUnknown when that cannot be."""
        connector = await self._engine()
        await connector.trust(stranger)

    async def _make(self, slot: Slot, machine: Machine, ask: bool) -> Link:
        loop = asyncio.get_running_loop()
        began = loop.time()
        attempts = 1
        if machine.transport == "local":
            slot.link = LocalLink()
        else:
            connector = await self._engine()
            slot.link, attempts = await connector.connect(self._way(machine, slot, ask))
        slot.made = Made(loop.time() - began, attempts)
        self._make_room(slot)
        return slot.link

    def _way(self, machine: Machine, slot: Slot, ask: bool) -> Way:
        from cockpit.fleet.engine.connect import Way

        async def hop() -> Hop:
            return await self._hop(machine, slot, ask)

        sshd = (machine.address, machine.port, machine.jumps, machine.proxy_command)
        seconds = self._connect_seconds if machine.connect_seconds is None else machine.connect_seconds
        gate = self._gates.setdefault(sshd, Adaptive(8, least=1, most=128))
        return Way(machine, seconds, gate, hop if machine.jumps else None, ask)

    async def _hop(self, machine: Machine, slot: Slot, ask: bool) -> Hop:
        """The connection of the last hop, made through the ones before it."""
        from cockpit.fleet.engine.dial import Hop

        last = replace(machine.jumps[-1], jumps=machine.jumps[:-1])
        before = slot.hop = self._slot(last)
        loop = asyncio.get_running_loop()
        try:
            if before.failed is not None and loop.time() < before.failed[0] and not before.alive:
                raise before.failed[1]
            link = cast("SshLink", await self.link(last, ask=ask))
            return Hop(last.where, link, before.opens)
        except errors.SourceError as error:
            mendable = isinstance(error, HostKeyRefused | Unasked)  # by an answer, or by a line in a file
            told = before.failed is not None and error is before.failed[1]
            if not mendable and not told:
                before.failed = (loop.time() + HOP_FAILED_SECONDS, error)
            raise type(error)(f"{machine.name} is behind {last.name}: {error}") from error

    async def _engine(self) -> Connector:
        if self._connector is not None:
            return self._connector
        async with self._importing:
            if self._connector is None:
                engine = await asyncio.to_thread(_import)
                self._connector = engine.Connector(self._consent, self._pacer)
            return self._connector

    def _slot(self, machine: Machine) -> Slot:
        route = machine.route
        slot = self._slots.get(route)
        if slot is None:
            slot = self._slots[route] = Slot(machine)
        return slot

    def _make_room(self, newest: Slot) -> None:
        """Let go of the longest idle ones when there are too many."""
        if len(self._slots) > self._most:
            others = spare(self._slots.values(), asyncio.get_running_loop().time(), self._most)
            self._let_go([slot for slot in others if slot is not newest])

    async def _keep(self) -> None:
        """Let go of what nobody has used for long."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._let_go(spare(self._slots.values(), asyncio.get_running_loop().time(), self._most))

    def _let_go(self, slots: Iterable[Slot]) -> None:
        for slot in slots:
            link, slot.link = slot.link, None
            if link is not None:
                closing = asyncio.create_task(link.close())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def _close(self) -> None:
        """All of them, those that go through others first. Bounded."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None
        slots = list(self._slots.values())
        self._slots.clear()
        self._gates.clear()
        for making in [slot.making.task for slot in slots if slot.making is not None]:
            making.cancel()
            self._closing.add(making)
        for depth in sorted({slot.depth for slot in slots}, reverse=True):
            self._let_go(slot for slot in slots if slot.depth == depth)
            await asyncio.gather(*self._closing, return_exceptions=True)
        if self._connector is not None:
            self._connector.rest()


def _supported(machine: Machine) -> None:
    if machine.unsupported:
        raise errors.Refused(f"{machine.name} cannot be reached: {machine.unsupported}")
