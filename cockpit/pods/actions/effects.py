"""Carry out effects on a cluster and watch each until what it was for has happened: a 200 is not the end."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

from cockpit.model import clock, errors
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.refusals import Conflict, Forbidden
from cockpit.tasks.action import CancelUnconfirmed, Progress, State

if TYPE_CHECKING:
    from cockpit.pods.actions.subject import Subject
    from cockpit.pods.api.access import Question

LOOK_SECONDS = (0.25, 2.0)
"""Between two looks at first and at most."""
AT_ONCE = 8
"""Requests under way at the same time, of all targets of a task."""
ATTEMPTS = 5
"""Of a request that the server refused for the moment (429), or because somebody else wrote first (409)."""

NAMED = 5
"""Targets that a reason names."""

X = TypeVar("X")


@dataclass(frozen=True, slots=True)
class Seen:
    """How far an effect is; `text` says it in words."""

    done: int
    total: int
    whole: bool
    text: str


class Effect(ABC):
    """One change of one object."""

    subject: Subject
    name: str
    """The target's name."""
    note: str = ""
    """What `prepare` found out that the user should know."""
    accepted: ClassVar[str] = "accepted; watching what becomes of it"
    anew_on_conflict: ClassVar[bool] = False
    """A 409 only says that another writer was quicker: `prepare` reads anew and decides again."""

    @abstractmethod
    async def prepare(self, connection: Connection) -> None:
        """Read what is needed to send it; nothing has happened yet. Raises `model.errors`."""

    @abstractmethod
    async def send(self, connection: Connection) -> float:
        """Send it; the seconds until it should have happened. Raises `model.errors`."""

    @abstractmethod
    async def look(self, connection: Connection) -> Seen:
        """Look what has become of it. Raises errors.Refused when it will not happen any more."""

    @property
    def source(self) -> str:
        return self.subject.source

    @property
    def question(self) -> Question | None:
        """What access it needs, as the server is asked for it."""
        return None

    @property
    def left(self) -> str:
        """What goes on when nobody watches any more; empty: nothing."""
        return "it goes on"


class _Run:
    """One effect from its first request to its end."""

    def __init__(self, effect: Effect, progress: Progress, gate: asyncio.Semaphore) -> None:
        self.effect = effect
        self.seen = Seen(0, 1, False, "")
        self.is_sent = False
        self.is_forbidden = False
        """The effect itself, not what is read for it."""
        self._progress, self._gate = progress, gate

    async def through(self, connection: Connection, on_look: Callable[[Seen], None]) -> None:
        """Raises `model.errors` when it ended badly."""
        allowed_seconds = await self._sent(connection)
        deadline = clock.steady() + allowed_seconds
        self._say(self.effect.accepted)
        pause, most = LOOK_SECONDS
        while True:
            before, unread = self.seen.text, await self._look(connection)
            if self.seen.text != before:
                self._say(self.seen.text)
            on_look(self.seen)
            if self.seen.whole:
                return
            if clock.steady() >= deadline:
                raise self._late(unread, allowed_seconds)
            told_seconds = unread.retry_after_seconds if isinstance(unread, errors.RateLimited) else 0.0
            await asyncio.sleep(min(max(pause, told_seconds), max(0.0, deadline - clock.steady())))
            pause = min(most, pause * 1.5)

    async def _sent(self, connection: Connection) -> float:
        for attempt in range(1, ATTEMPTS + 1):
            await self._patiently(lambda: self.effect.prepare(connection))
            if self.effect.note:
                self._say(self.effect.note)
            try:
                return await self._patiently(lambda: self._send(connection))
            except Conflict as error:
                self.is_sent = False
                if not self.effect.anew_on_conflict:
                    raise
                if attempt == ATTEMPTS:
                    raise Conflict(f"{self.effect.name}: others write to it all the time: {error}") from error
        raise AssertionError("unreachable")

    async def _send(self, connection: Connection) -> float:
        self.is_sent = True
        try:
            return await self.effect.send(connection)
        except errors.UnknownOutcome:
            raise
        except errors.SourceError as error:
            self.is_sent, self.is_forbidden = False, isinstance(error, Forbidden)
            raise

    async def _patiently(self, request: Callable[[], Awaitable[X]]) -> X:
        """Told to wait, it waits: 429 says that nothing was done."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._gate:
                    return await request()
            except errors.RateLimited as error:
                if attempt == ATTEMPTS:
                    raise
                self._say(f"{error}; waiting")
                await asyncio.sleep(error.retry_after_seconds)
        raise AssertionError("unreachable")

    async def _look(self, connection: Connection) -> errors.SourceError | None:
        """The error that kept it from being seen."""
        try:
            async with self._gate:
                self.seen = await self.effect.look(connection)
        except errors.Denied as error:
            raise errors.UnknownOutcome(f"accepted, but what became of it cannot be read: {error}") from error
        except (errors.Unreachable, errors.RateLimited, errors.Malformed) as error:
            return error
        return None

    def _late(self, unread: errors.SourceError | None, allowed_seconds: float) -> errors.SourceError:
        if unread is not None:
            return errors.UnknownOutcome(f"accepted, but then the cluster could not be read: {unread}")
        left = f"; {self.effect.left}" if self.effect.left else ""
        return errors.Refused(f"accepted, but not done after {allowed_seconds:.0f} s: {self.seen.text}{left}")

    def _say(self, line: str) -> None:
        self._progress.say(line, target=self.effect.name)


async def carry_out(
    clusters: Mapping[str, Cluster],
    effects: Sequence[Effect],
    progress: Progress,
    refused: Callable[[Effect, Forbidden], None] | None = None,
) -> None:
    """Send and watch all, few requests at a time. Of several each gets an outcome; the failure of a single one is
    raised. `refused` is told which effect the server forbade."""
    gate = asyncio.Semaphore(AT_ONCE)
    runs = [_Run(effect, progress, gate) for effect in effects]
    open_ = dict.fromkeys(range(len(runs)))
    async with AsyncExitStack() as stack:
        connections: dict[str, Connection | errors.SourceError] = {}
        for effect in effects:
            if effect.source not in connections:
                try:
                    connected = clusters[effect.source].connected()
                    connections[effect.source] = await stack.enter_async_context(connected)
                except errors.SourceError as error:
                    connections[effect.source] = error

        async def one(number: int) -> None:
            run, connection = runs[number], connections[runs[number].effect.source]
            if isinstance(connection, errors.SourceError):
                raise connection
            try:
                await run.through(connection, on_look)
            except Forbidden as error:
                if refused is not None and run.is_forbidden:
                    refused(run.effect, error)
                raise
            del open_[number]

        def on_look(seen: Seen) -> None:
            if len(runs) == 1:
                progress.step(seen.done, seen.total)

        async def of_many(number: int) -> None:
            name = runs[number].effect.name
            try:
                await one(number)
            except errors.SourceError as error:
                open_.pop(number, None)
                state = State.UNKNOWN if isinstance(error, errors.UnknownOutcome) else State.FAILED
                progress.outcome(name, state, str(error))
            else:
                progress.outcome(name, State.SUCCEEDED)
            progress.step(len(runs) - len(open_), len(runs))

        try:
            if len(runs) == 1:
                await one(0)
                return
            progress.step(0, len(runs))
            async with asyncio.TaskGroup() as group:
                for number in range(len(runs)):
                    group.create_task(of_many(number))
        except asyncio.CancelledError:
            left = [runs[number].effect for number in open_ if runs[number].is_sent and runs[number].effect.left]
            if not left:
                raise
            for number in open_:
                run = runs[number]
                if len(runs) > 1 and run.is_sent:
                    progress.outcome(run.effect.name, State.UNKNOWN, f"sent before the cancel; {run.effect.left}")
                elif len(runs) > 1:
                    progress.outcome(run.effect.name, State.CANCELLED, "nothing was sent")
            raise CancelUnconfirmed(_still(left)) from None


def _still(left: Sequence[Effect]) -> str:
    if len(left) == 1:
        return f"it had been sent for {left[0].name}: {left[0].left}"
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    names = ", ".join(effect.name for effect in left[:NAMED]) + more
    return f"it had been sent for {len(left)} of them and goes on there: {names}"
