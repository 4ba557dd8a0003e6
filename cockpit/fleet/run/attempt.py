"""One try of a command on one host, from the way there to its end. What became of it is never guessed."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.engine.failures import LostBeforeExec, TimedOut, Unreached
from cockpit.fleet.engine.link import Chunk, Ending
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import Remote, sent
from cockpit.fleet.engine.sudo import Sudo
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Kill, Outcome, Phase
from cockpit.fleet.run.order import Order
from cockpit.fleet.trust.refused import HostKeyChanged, HostKeyRefused
from cockpit.model import errors

DRAIN_SECONDS = 1.0
"""For the last words of a command that was stopped."""


class End(Struct, frozen=True):
    """How one try ended."""

    outcome: Outcome
    why: str = ""
    exit_code: int | None = None
    signal: str = ""
    kill: Kill = Kill.NOT_NEEDED
    pipe_held: bool = False
    attempts: int = 1


class Host(Protocol):
    """Whoever wants to know."""

    def enter(self, phase: Phase) -> None:
        """It is at this now."""

    async def sending(self) -> None:
        """The command is about to be sent: what must be on disk before it is."""

    def take(self, chunk: Chunk) -> bool:
        """Output; True: await `room` before there is more."""

    async def room(self) -> None:
        """The back-pressure."""


async def attempt(pool: Pool, machine: Machine, order: Order, host: Host, sudo: Sudo | None) -> End:
    """Never raises for what the host does. A cancel ends the command, confirmed, and is an end like others."""
    sending = False
    try:
        host.enter(Phase.CONNECT)
        if order.connect_seconds is not None:
            machine = replace(machine, connect_seconds=order.connect_seconds)
        await pool.link(machine)
        host.enter(Phase.EXEC)
        await host.sending()
        sending = True
        async with sent(pool, machine, order.command, sudo=sudo) as remote:
            host.enter(Phase.RUN)
            return await _followed(remote, order, host)
    except errors.SourceError as error:
        tries = error.attempts if isinstance(error, Unreached) else 1
        return End(outcome_of(error), str(error), attempts=tries)
    except asyncio.CancelledError:
        if sending:  # where this is in doubt, `sent` raises UnknownOutcome
            return End(Outcome.CANCELLED, "while the command was sent; nothing of it runs", kill=Kill.CONFIRMED)
        return End(Outcome.CANCELLED, "before the command was sent")


async def _followed(remote: Remote, order: Order, host: Host) -> End:
    try:
        async with asyncio.timeout(order.timeout_seconds) as limit:
            await _read(remote, host, limit)
    except TimeoutError:
        if not limit.expired():
            raise
        if remote.ending.known:
            remote.ending.pipe_held = True
            return _ended(remote.ending)
        return await _stopped(remote, host, Outcome.TIMEOUT_CMD, f"no end after {order.timeout_seconds:g} s")
    except asyncio.CancelledError:
        return await _stopped(remote, host, Outcome.CANCELLED, "cancelled")
    return _ended(remote.ending)


async def _read(remote: Remote, host: Host, limit: asyncio.Timeout) -> None:
    """To its end. While we make the host wait its clock stands still."""
    loop = asyncio.get_running_loop()
    while (chunk := await remote.read()) is not None:
        if not host.take(chunk):
            continue
        until, before = limit.when(), loop.time()
        limit.reschedule(None)
        await host.room()
        limit.reschedule(None if until is None else until + loop.time() - before)


async def _stopped(remote: Remote, host: Host, outcome: Outcome, said: str) -> End:
    """A second cancel does not cut this short: `stop` is bounded and finishes."""
    host.enter(Phase.STOP)
    while True:
        try:
            stopped = await remote.stop()
            break
        except asyncio.CancelledError:
            continue
    if not stopped.confirmed:
        return End(outcome, f"it may still run ({said}): {stopped.why}", kill=Kill.UNCONFIRMED)
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            while (chunk := await remote.read()) is not None:
                host.take(chunk)
    except (TimeoutError, asyncio.CancelledError):
        pass
    return End(outcome, f"{said}; stopped", kill=Kill.CONFIRMED)


def _ended(ending: Ending) -> End:
    held = "; a detached child still holds its output" if ending.pipe_held else ""
    if ending.signal:
        why = f"ended by SIG{ending.signal}{held}"
        return End(Outcome.SIGNAL, why, signal=ending.signal, pipe_held=ending.pipe_held)
    if ending.status is None:
        why = f"the connection was lost after the command was sent ({ending.lost}); it may have run or still run"
        return End(Outcome.UNKNOWN_OUTCOME, why)
    if ending.status:
        return End(Outcome.NONZERO, f"exit status {ending.status}{held}", ending.status, pipe_held=ending.pipe_held)
    return End(Outcome.OK, held.removeprefix("; "), 0, pipe_held=ending.pipe_held)


def outcome_of(error: errors.SourceError) -> Outcome:
    """What an error of the engine means for the command."""
    match error:
        case errors.UnknownOutcome():
            return Outcome.UNKNOWN_OUTCOME
        case HostKeyChanged():
            return Outcome.HOSTKEY_CHANGED
        case HostKeyRefused():
            return Outcome.HOSTKEY_UNKNOWN
        case errors.Denied():
            return Outcome.AUTH
        case TimedOut():
            return Outcome.TIMEOUT_CONNECT
        case LostBeforeExec():
            return Outcome.LOST_BEFORE_EXEC
        case _:
            return Outcome.UNREACHABLE
