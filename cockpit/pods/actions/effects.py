"""Carry out effects on a cluster and watch each until what it was for has happened: a 200 is not the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from cockpit.model import clock, errors
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.tasks.action import CancelUnconfirmed, Progress, State

LOOK_SECONDS = (0.25, 2.0)
"""Between two looks at first and at most."""


@dataclass(frozen=True, slots=True)
class Seen:
    """How far an effect is; `text` says it in words."""

    done: int
    total: int
    whole: bool
    text: str


class Effect(Protocol):
    """One change of one object."""

    @property
    def source(self) -> str: ...

    @property
    def name(self) -> str:
        """The target's name."""

    async def prepare(self, connection: Connection) -> None:
        """Read what is needed to send it; nothing has happened yet. Raises `model.errors`."""

    async def send(self, connection: Connection) -> float:
        """Send it; the seconds until it should have happened. Raises `model.errors`."""

    async def look(self, connection: Connection) -> Seen:
        """Look what has become of it. Raises errors.Refused when it will not happen any more."""


class _Underway:
    def __init__(self, effect: Effect) -> None:
        self.effect = effect
        self.allowed_seconds = 0.0
        self.deadline = 0.0
        self.seen = Seen(0, 1, False, "")
        self.unread: errors.SourceError | None = None

    async def look(self, connection: Connection) -> bool:
        """Whether it is over. Raises `model.errors` when it ended badly."""
        try:
            self.seen = await self.effect.look(connection)
            self.unread = None
        except errors.Denied as error:
            raise errors.UnknownOutcome(f"accepted, but what became of it cannot be read: {error}") from error
        except (errors.Unreachable, errors.RateLimited, errors.Malformed) as error:
            self.unread = error
        if self.seen.whole:
            return True
        if clock.steady() < self.deadline:
            return False
        if self.unread is not None:
            raise errors.UnknownOutcome(f"accepted, but then the cluster could not be read: {self.unread}")
        raise errors.Refused(f"accepted, but not done after {self.allowed_seconds:.0f} s: {self.seen.text}; it goes on")


async def carry_out(clusters: Mapping[str, Cluster], effects: Sequence[Effect], progress: Progress) -> None:
    """Send all, then watch all. Of several each gets an outcome; the failure of a single one is raised."""
    alone = len(effects) == 1
    underway: dict[str, _Underway] = {}
    done = [0]

    def ended(effect: Effect, error: errors.SourceError | None) -> None:
        underway.pop(effect.name, None)
        done[0] += 1
        if alone:
            if error is not None:
                raise error
            return
        if error is None:
            progress.outcome(effect.name, State.SUCCEEDED)
            return
        state = State.UNKNOWN if isinstance(error, errors.UnknownOutcome) else State.FAILED
        progress.outcome(effect.name, state, str(error))

    async with AsyncExitStack() as stack:
        connections: dict[str, Connection] = {}
        try:
            for effect in effects:
                try:
                    if effect.source not in connections:
                        connected = clusters[effect.source].connected()
                        connections[effect.source] = await stack.enter_async_context(connected)
                    await effect.prepare(connections[effect.source])
                    item = underway[effect.name] = _Underway(effect)
                    item.allowed_seconds = await effect.send(connections[effect.source])
                except errors.SourceError as error:
                    ended(effect, error)
                else:
                    item.deadline = clock.steady() + item.allowed_seconds
                    progress.say("accepted; watching what becomes of it", target=effect.name)
            pause, most = LOOK_SECONDS
            while underway:
                for item in tuple(underway.values()):
                    before = item.seen.text
                    try:
                        over = await item.look(connections[item.effect.source])
                    except errors.SourceError as error:
                        ended(item.effect, error)
                        continue
                    if item.seen.text != before:
                        progress.say(item.seen.text, target=item.effect.name)
                    if over:
                        ended(item.effect, None)
                if alone:
                    progress.step(item.seen.done, item.seen.total)
                else:
                    progress.step(done[0], len(effects))
                if underway:
                    await asyncio.sleep(pause)
                    pause = min(most, pause * 1.5)
        except asyncio.CancelledError:
            if not underway:
                raise
            names = ", ".join(underway)
            for name in underway:
                if not alone:
                    progress.outcome(name, State.UNKNOWN, "sent before the cancel, not watched to its end")
            raise CancelUnconfirmed(f"it had been sent for {names} and goes on there") from None
