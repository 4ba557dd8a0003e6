"""The place of one connection in the pool: what is kept, what is on its way, and when it may go."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from weakref import WeakSet

from msgspec import Struct

from cockpit.fleet.engine.gates import Adaptive
from cockpit.fleet.engine.link import Link
from cockpit.fleet.machine import Machine
from cockpit.model import errors

CHANNELS = 7
"""Commands at the same time on one connection; sshd allows 10 (MaxSessions), and stopping one needs one more."""
IDLE_SECONDS = 600.0
"""How long a connection that nobody uses is kept."""
MOST = 1000
"""Connections kept, where so many files may be open."""
FILES = 4096
"""Open files that we ask for, where the system's limit for the user allows them."""


class Made(Struct, frozen=True):
    """How a kept connection came about."""

    seconds: float
    """Questions included."""
    attempts: int


class Slot:
    """One way to one host."""

    def __init__(self, machine: Machine) -> None:
        self.depth = len(machine.jumps)
        self.channels = asyncio.Semaphore(CHANNELS)
        self.link: Link | None = None
        self.made: Made | None = None
        self.making: Making | None = None
        self.hop: Slot | None = None
        """What the connection goes through."""
        self.opens = Adaptive(16, least=4, most=128)
        """Ways that are being opened through this connection."""
        self.failed: tuple[float, errors.SourceError] | None = None
        """Until when it is not tried again as a hop, and why."""
        self.guests: list[Callable[[], None]] = []
        """Ways to ask for channels that are kept for long."""
        self.used_at = 0.0
        """On the loop's clock."""
        self.running: WeakSet[Any] = WeakSet()
        """Commands and shells that were started on it and are not forgotten."""

    @property
    def alive(self) -> bool:
        return self.link is not None and self.link.alive

    @property
    def busy(self) -> bool:
        return any(not (run.channel.ending.known or run.channel.ending.lost) for run in self.running)


class Making:
    """A connection on its way, shared by all who want it and given up when nobody does any more."""

    def __init__(self, slot: Slot, making: Awaitable[Link], *, ask: bool) -> None:
        """`ask`: it was begun by somebody who lets us ask about an unknown host key."""
        self.ask = ask
        self._slot = slot
        self._waiting = 0
        self.task = asyncio.ensure_future(making)
        self.task.add_done_callback(self._done)

    async def link(self) -> Link:
        """Raises what the making does."""
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self.task.done():
                self._leave()
                self.task.cancel()

    def _leave(self) -> None:
        if self._slot.making is self:
            self._slot.making = None

    def _done(self, task: asyncio.Future[Link]) -> None:
        self._leave()
        if not task.cancelled():
            task.exception()


def spare(slots: Iterable[Slot], now: float, most: int) -> list[Slot]:
    """Whose connections may go: those idle for too long, and the longest idle ones beyond `most`.

    Never one that runs something, or that another one goes through.
    """
    kept = [slot for slot in slots if slot.alive]
    carrying = {id(slot.hop) for slot in kept if slot.hop is not None}
    idle = []
    for slot in kept:
        if slot.busy:
            slot.used_at = now
        elif id(slot) not in carrying:
            idle.append(slot)
    idle.sort(key=lambda slot: slot.used_at)
    over = len(kept) - most
    return [slot for number, slot in enumerate(idle) if number < over or now - slot.used_at > IDLE_SECONDS]


def most_connections() -> int:
    """How many may be kept: half the files that the process may open, which is raised to what the user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):
            pass
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft // 2))
