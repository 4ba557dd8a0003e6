"""One login, from the name to the last key: the way there, and what it means when it fails."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NoReturn, cast

import asyncssh
from aiohappyeyeballs import start_connection
from asyncssh import SSHTCPSession

from cockpit.fleet.engine.failures import TimedOut, Unreached
from cockpit.fleet.engine.gates import Adaptive, Pacer
from cockpit.fleet.engine.handshake import Client, Handshake
from cockpit.fleet.engine.hostkeys import HostCheck
from cockpit.fleet.engine.keys import Offers
from cockpit.fleet.engine.names import Resolver
from cockpit.fleet.engine.proxy import ProxyCommand
from cockpit.fleet.engine.session import SshLink
from cockpit.fleet.machine import Machine
from cockpit.model import errors

STAGGER_SECONDS = 0.25
"""Between the addresses of one name (RFC 8305)."""
PENALISED = b"Not allowed at this time"
"""What sshd says under PerSourcePenalties (since 9.8)."""
TOO_MANY = "Too many authentication failures"
FORBIDDEN, SHORTAGE = 1, 4
"""Codes of a refused channel (RFC 4254, 5.1)."""
OF_THE_TARGET = ("refused", "no route", "unreachable", "not known", "resolve", "no address")
"""What a hop says where the host behind it is at fault, and not the hop."""


class Again(Exception):
    """It failed before anything was sent, in a way that may pass: `failure` is what to say if it does not."""

    def __init__(self, failure: Unreached) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(frozen=True)
class Hop:
    """The last host before the one to reach, connected."""

    where: str
    link: SshLink
    opens: Adaptive
    """Ways through it that are being opened."""


@dataclass(frozen=True)
class Dial:
    """What one attempt is made of."""

    machine: Machine
    check: HostCheck
    offers: Offers
    hop: Hop | None
    seconds: float
    """For all attempts, as messages say it."""
    resolver: Resolver
    pacer: Pacer

    async def link(self, left_seconds: float) -> SshLink:
        """Raises Again, hostkeys.Unproven, keys.Locked, failures.Unreached and TimedOut, errors.Denied and Refused."""
        await self.pacer.turn()
        client = Client(self.offers.next)
        handshake = self._handshake(client)
        made: SshLink | None = None
        try:
            async with AsyncExitStack() as held:
                if self.hop is not None:
                    await held.enter_async_context(self.hop.opens.one())
                async with asyncio.timeout(left_seconds):
                    await self._open(handshake)
                    await held.aclose()
                    await handshake.made()
            made = SshLink(handshake, client, self.machine.where)
            return made
        except (OSError, asyncssh.Error, ValueError) as error:
            if handshake.proxy is not None:
                await handshake.proxy.heard()
            self._failed(handshake, error)
        finally:
            if made is None:
                await handshake.give_up()

    def _handshake(self, client: Client) -> Handshake:
        machine = self.machine
        try:
            return Handshake(client, self.check, self.pacer, host=machine.address, port=machine.port, user=machine.user)
        except ValueError as error:
            raise errors.Refused(f"{machine.where}: {error}; check the user") from error

    async def _open(self, handshake: Handshake) -> None:
        machine, loop = self.machine, asyncio.get_running_loop()
        if machine.proxy_command:
            await handshake.by(ProxyCommand(handshake)).start(machine.proxy_command)
        elif self.hop is not None:
            await self._open_through(self.hop, handshake)
        else:
            found = await self.resolver.addresses(machine.address, machine.port)
            link = await start_connection(found, happy_eyeballs_delay=STAGGER_SECONDS)
            await loop.create_connection(lambda: handshake, sock=link)

    async def _open_through(self, hop: Hop, handshake: Handshake) -> None:
        session = cast("SSHTCPSession[bytes]", handshake)  # asyncssh makes of a connection what carries another one
        opening = asyncio.ensure_future(
            hop.link.connection.create_connection(lambda: session, self.machine.address, self.machine.port)
        )
        try:
            # asyncssh leaves a channel open when it is cut short in this
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise
        hop.opens.worked()

    def _failed(self, handshake: Handshake, error: Exception) -> NoReturn:
        """Raises what the error means."""
        place, phase = self.machine.where, handshake.phase
        said = str(getattr(error, "reason", "") or error)
        match error:
            case TimeoutError():
                if self.hop is not None and phase == "connect":
                    self.hop.opens.failed()
                raise TimedOut(f"{place}: no SSH within {self.seconds:g} s ({phase}){_proxied(handshake)}") from error
            case asyncssh.HostKeyNotVerifiable():
                raise error
            case asyncssh.PermissionDenied():
                raise errors.Denied(self._denied()) from error
            case asyncssh.ChannelOpenError() if self.hop is not None:
                self._not_through(self.hop, error)
            case socket.gaierror(errno=socket.EAI_AGAIN):
                raise Again(Unreached(f"{place}: no name server answers; check the network")) from error
            case socket.gaierror():
                why = f"the name {self.machine.address!r} is not known; check the address"
                raise Unreached(f"{place}: {why}") from error
            case ValueError():
                raise errors.Refused(f"{place}: {self.machine.address!r} cannot be an address: {said}") from error
            case asyncssh.KeyExchangeFailed():
                raise errors.Refused(f"{place}: {said}") from error
            case asyncssh.DisconnectError() if TOO_MANY in said:
                many = f"{place} refused the login of {self.machine.user} after {self.offers.count} keys: too many keys"
                step = "offer fewer, by IdentitiesOnly yes and an IdentityFile"
                raise errors.Denied(f"{many} (MaxAuthTries); {step}") from error
            case asyncssh.ConnectionLost() | ConnectionResetError() | BrokenPipeError():
                self._lost(handshake, error)
            case OSError(filename=str(shell)):
                raise Unreached(f"{place}: {shell}, which runs its proxy command: {error.strerror}") from error
            case OSError():
                raise Unreached(f"{place}: {os.strerror(error.errno) if error.errno else error}") from error
            case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported() if phase in ("version", "key exchange"):
                raise Unreached(f"{place} does not speak SSH: {said[:1].lower()}{said[1:]}") from error
            case _:
                raise Unreached(f"{place}: {said or type(error).__name__} ({phase})") from error

    def _lost(self, handshake: Handshake, error: Exception) -> NoReturn:
        place, phase = self.machine.where, handshake.phase
        if handshake.proxy is not None:
            raise Unreached(f"{place}: the proxy command ended ({phase}){_proxied(handshake)}") from error
        if PENALISED in handshake.said:
            why = "it turns this address away for a while after failed logins (PerSourcePenalties); wait, then try once"
            raise errors.Denied(f"{place}: {why}") from error
        failure = Unreached(f"{place}: it closed the connection ({phase})")
        if phase == "login":
            raise failure from error
        raise Again(failure) from error

    def _not_through(self, hop: Hop, error: asyncssh.ChannelOpenError) -> NoReturn:
        place, said = self.machine.where, error.reason
        if not hop.link.alive:
            raise Again(Unreached(f"{place}: the connection to {hop.where} was lost")) from error
        failure = Unreached(f"{place}: {hop.where} cannot reach it: {said}")
        if error.code == FORBIDDEN:
            step = "see AllowTcpForwarding and PermitOpen there"
            raise errors.Refused(f"{place}: {hop.where} lets no connection through to it ({said}); {step}") from error
        if error.code == SHORTAGE:
            hop.opens.failed()
            raise Again(failure) from error
        if "timed out" in said.lower():
            hop.opens.failed()
            raise TimedOut(str(failure)) from error
        if not any(word in said.lower() for word in OF_THE_TARGET):
            hop.opens.failed()
        raise failure from error

    def _denied(self) -> str:
        machine, offers = self.machine, self.offers
        if not offers.found:
            what = "a login without a key (there is none)"
        elif not offers.count:
            what = "to take a key at all"
        elif machine.identities:
            what = "its key" if offers.count == 1 else f"its {offers.count} keys"
        else:
            what = "the agent's keys and the usual keys in ~/.ssh"
        said = f"{machine.where} refused {what} for user {machine.user}"
        return "; ".join((said, *offers.notes, "check user and identity"))


def _proxied(handshake: Handshake) -> str:
    return f": {handshake.proxy.said}" if handshake.proxy is not None and handshake.proxy.said else ""


def _close(opening: asyncio.Future[Any]) -> None:
    """Of a way that nobody waits for any more."""
    if not opening.cancelled() and opening.exception() is None:
        channel, _ = opening.result()
        channel.abort()
