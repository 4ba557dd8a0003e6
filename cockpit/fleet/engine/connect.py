"""A login on a host whose key is known, tried again where that is safe. Nothing is sent before it is made.

asyncssh takes 0.15 s to import, so this module is itself imported in a thread when first needed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from cockpit.fleet.engine.dial import Again, Dial, Hop
from cockpit.fleet.engine.failures import Unasked
from cockpit.fleet.engine.fresh import Fresh
from cockpit.fleet.engine.gates import Adaptive, Pacer
from cockpit.fleet.engine.hostkeys import Glance, HostCheck, Proven, Unproven
from cockpit.fleet.engine.keys import Keyring, Locked
from cockpit.fleet.engine.names import Resolver
from cockpit.fleet.engine.session import SshLink
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust import knownhosts, refused
from cockpit.fleet.trust.consent import Consent, Fingerprint, UnknownKey
from cockpit.fleet.trust.doorkeeper import Doorkeeper
from cockpit.fleet.trust.knownhosts import REVOKED, Book, Changed, Revoked, Trusted
from cockpit.model import errors

ATTEMPTS = 3
"""Of one connection, where it is safe to try again."""
BACKOFF_SECONDS = 0.5
"""The most that is waited before the second attempt, twice that before the third (full jitter)."""
CONNECTING = 128
"""Logins on their way at the same time: as many as hide the round trips, and not so many that routers mind."""
ROUNDS = 6
"""Logins begun for one connection: each question that a person answers costs one."""
FRESH_SECONDS = 1.0
"""How long known_hosts is taken for what it was. A key that is not in it is looked for again at once."""


@dataclass(frozen=True)
class Way:
    """How to get to a machine."""

    machine: Machine
    seconds: float
    """For all attempts together, without the time of a question."""
    gate: Adaptive
    """Logins on their way to the same sshd."""
    hop: Callable[[], Awaitable[Hop]] | None = None
    """Gives what to go through."""
    ask: bool = True
    """Whether somebody may be asked: about an unknown host key, for a passphrase."""


@dataclass(frozen=True)
class Stranger:
    """A host whose key is not known, and the key that it shows."""

    machine: Machine
    unknown: UnknownKey
    blob: bytes


class Connector:
    """Makes the connections of one session."""

    def __init__(self, consent: Consent, pacer: Pacer) -> None:
        self._keyring = Keyring(consent)
        self._doorkeeper = Doorkeeper(consent)
        self._books: Fresh[tuple[str, ...], Book] = Fresh(knownhosts.book, FRESH_SECONDS)
        self._resolver = Resolver()
        self._pacer = pacer
        self._room = asyncio.Semaphore(CONNECTING)

    def rest(self) -> None:
        """Let go of what is open; what was learnt is kept."""
        self._keyring.rest()

    async def connect(self, way: Way) -> tuple[SshLink, int]:
        """A connection, and how many attempts it took.

        Raises what failures.py draws, and errors.Refused.
        """
        machine = way.machine
        book = await self._books.get(_files(machine))
        shut: set[bytes] = set()
        for _ in range(ROUNDS):
            check = HostCheck(machine, book, lambda blob: self._doorkeeper.accepted(machine, blob))
            try:
                return await self._tried(way, check, shut)
            except Unproven as error:
                book = await self._settled(way, check, error)
            except Locked as error:
                if way.ask:
                    await self._keyring.open(error.file)
                else:
                    shut.add(error.file.data)
            except errors.Denied as error:
                if shut:
                    raise Unasked(str(error)) from error
                raise
        raise errors.Denied(f"{machine.where} shows another key each time; look at it with: ssh -v {machine.address}")

    async def stranger(self, way: Way) -> Stranger | None:
        """The key that a host shows, where it is not known. Nobody is asked, and it is not logged in to.

        Raises what `connect` does.
        """
        book: Book | None = await self._books.get(_files(way.machine), anew=True)
        for _ in range(ROUNDS):
            assert book is not None
            check = Glance(way.machine, book, lambda blob: self._doorkeeper.accepted(way.machine, blob))
            try:
                await self._tried(way, check)
            except Proven:
                return None
            except Unproven as error:
                book = await self._judged(way, check, error)
                if book is None:
                    unknown = self._doorkeeper.question(way.machine, error.blob)
                    return Stranger(way.machine, unknown, error.blob)
        raise errors.Denied(f"{way.machine.where} shows another key each time")

    async def trust(self, stranger: Stranger) -> None:
        """Write its key down. Raises HostKeyUnknown when that cannot be."""
        await self._doorkeeper.write(stranger.machine, stranger.blob)

    async def unlock(self, machine: Machine) -> list[tuple[str, bool]]:
        """See Keyring.unlock."""
        return await self._keyring.unlock(machine)

    @property
    def unlocked(self) -> int:
        """Keys that a passphrase opened, ever."""
        return self._keyring.unlocked

    async def _tried(self, way: Way, check: HostCheck, shut: Collection[bytes] = ()) -> tuple[SshLink, int]:
        loop = asyncio.get_running_loop()
        left = way.seconds
        for attempt in range(1, ATTEMPTS + 1):
            offers = await self._keyring.offers(way.machine, shut)
            if way.machine.identities and not offers.found:
                raise errors.Denied(f"{way.machine.where}: {'; '.join(offers.notes) or 'none of its keys can be used'}")
            hop = await way.hop() if way.hop is not None else None
            dial = Dial(way.machine, check, offers, hop, way.seconds, self._resolver, self._pacer)
            async with way.gate.one(), self._room:
                began = loop.time()
                try:
                    link = await dial.link(left)
                except Again as error:
                    way.gate.failed()
                    pause = random.uniform(0, BACKOFF_SECONDS * 2 ** (attempt - 1))
                    left -= loop.time() - began + pause
                    if attempt == ATTEMPTS or left <= 0:
                        raise error.failure.after(attempt) from error
                else:
                    way.gate.worked()
                    return link, attempt
            await asyncio.sleep(pause)
        raise AssertionError

    async def _settled(self, way: Way, check: HostCheck, error: Unproven) -> Book:
        """What to try again with: by that the key may be the host's. Raises HostKeyRefused."""
        book = await self._judged(way, check, error)
        if book is not None:
            return book
        await self._doorkeeper.admit(way.machine, error.blob, ask=way.ask)
        return check.book

    async def _judged(self, way: Way, check: HostCheck, error: Unproven) -> Book | None:
        """The lines by which the key may be the host's; None: none of them names the host. Raises HostKeyRefused."""
        if not error.blob:
            raise refused.HostKeyRefused(f"{way.machine.where}: its host key is refused: {error.why}")
        book = await self._books.get(_files(way.machine), anew=True)
        if (entry := book.find(check.name, error.authority, REVOKED)) is not None:
            raise refused.revoked(check.name, entry)
        match await asyncio.to_thread(book.judge, check.name, error.blob):
            case Trusted():
                return book
            case Revoked(entry=entry):
                raise refused.revoked(check.name, entry)
            case Changed(entry=entry):
                if check.by(book).algorithms == check.algorithms:
                    raise refused.changed(check.name, Fingerprint.of(error.blob), entry, error.why)
                return book  # it may have a key of a kind that is known, and was not asked for that first
            case _:
                return None


def _files(machine: Machine) -> tuple[str, ...]:
    return machine.known_hosts + machine.global_known_hosts
