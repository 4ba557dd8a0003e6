"""A live, merged view of one kind of item over several sources. It never raises and never ends by itself."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Generic, cast

from cockpit.feeds.adapter import Adapter
from cockpit.model import clock, errors, health
from cockpit.model.changes import Change, Confirm, Delta, Remove, Reset, T, Upsert
from cockpit.model.followers import Followers
from cockpit.model.health import Health

log = logging.getLogger(__name__)

FAIR_SHARE_SECONDS = 0.005
"""Work on changes before other tasks get a turn: a generator with a full buffer never yields by itself."""
LOOK_SECONDS = 2.0
"""Between two looks whether the machine has slept past the promise of a source."""
HEALTHY_SECONDS = 60.0
"""A stream that lived this long starts its back-off anew."""


class Feed(Generic[T]):
    """Items of several adapters, merged by key, with a health for each source.

    Keeps the last good items when a source fails, comes back with jittered back-off, and calls a source stale that
    has been silent for longer than it promised.
    """

    def __init__(
        self,
        adapters: Sequence[Adapter[T]],
        *,
        hint: str = "",
        backoff_seconds: tuple[float, float] = (0.5, 30.0),
        steady: Callable[[], float] = clock.steady,
    ) -> None:
        """`hint` says what to write where when there is no adapter at all."""
        self.adapters = tuple(adapters)
        self.hint = hint
        self._steady = steady
        self._first, self._most = backoff_seconds
        self._items: dict[str, T] = {}
        self._health: dict[str, Health] = {a.name: health.Loading(steady()) for a in self.adapters}
        self._owned: dict[str, set[str]] = {a.name: set() for a in self.adapters}
        self._again: dict[str, asyncio.Event] = {a.name: asyncio.Event() for a in self.adapters}
        self._followers = Followers(self._items)
        self._changed = asyncio.Event()
        self._turn = 0.0
        self._awaited: dict[str, tuple[asyncio.Timeout, float]] = {}
        """Sources that promised to say something until that instant on the steady clock."""

    @property
    def items(self) -> Mapping[str, T]:
        """The merged items by key, live: read it, do not keep it across an await."""
        return MappingProxyType(self._items)

    @property
    def health(self) -> Mapping[str, Health]:
        """By source name, in the order of the configuration."""
        return MappingProxyType(self._health)

    @property
    def overall(self) -> Health:
        """The worst of the sources, or Unconfigured."""
        return health.worst(self._health.values()) or health.Unconfigured(self.hint)

    async def run(self) -> None:
        """Keep every source until cancelled."""
        async with asyncio.TaskGroup() as group:
            for adapter in self.adapters:
                group.create_task(self._keep(adapter), name=f"feed:{adapter.name}")
            if self.adapters:
                group.create_task(self._notice_sleep(), name="feed:sleep")

    def retry(self) -> None:
        """Come back to every source that is waiting now, without its back-off."""
        for event in self._again.values():
            event.set()

    def follow(self, *, period: float = 0.1) -> AsyncIterator[Delta[T]]:
        """Changes merged by key: the whole at once, then at most one delta each `period` seconds."""
        return self._followers.follow(period)

    async def settled(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds until no source is loading any more. False: some still are."""
        return await self.until(lambda: not any(isinstance(h, health.Loading) for h in self._health.values()), timeout)

    async def until(self, holds: Callable[[], bool], timeout: float) -> bool:
        """Wait at most `timeout` seconds until the condition on this feed holds, looking after every change."""
        try:
            async with asyncio.timeout(timeout):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return holds()
        return True

    async def _keep(self, adapter: Adapter[T]) -> None:
        attempt = 0
        while True:
            started = self._steady()
            try:
                await self._read(adapter)
                raise errors.Unreachable("the stream ended")
            except errors.SourceError as error:
                failure: Exception = error
            except ExceptionGroup as group:
                failure = _first_source_error(group)
            except Exception as error:
                failure = error
            _forget_cancels()
            now = self._steady()
            if now - started > HEALTHY_SECONDS:
                attempt = 0
            wait = self._wait_seconds(failure, attempt)
            attempt += 1
            self._fail(adapter.name, failure, now + wait)
            await self._pause(adapter.name, wait)

    async def _notice_sleep(self) -> None:
        """The loop's timers stand still while the machine sleeps: what is overdue by then is given up at once."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = self._steady()
            for limit, overdue_at in self._awaited.values():
                if now > overdue_at and not limit.expired():
                    limit.reschedule(loop.time())

    async def _read(self, adapter: Adapter[T]) -> None:
        """Take changes until the stream ends or is silent for too long."""
        stream = cast("AsyncGenerator[Change[T], None]", adapter.watch())
        async with aclosing(stream):
            while True:
                try:
                    async with asyncio.timeout(adapter.silence) as limit:
                        if adapter.silence is not None:
                            self._awaited[adapter.name] = (limit, self._steady() + adapter.silence)
                        change = await anext(stream, None)
                except TimeoutError as error:
                    if not limit.expired():  # the adapter's own
                        raise errors.Unreachable(f"timed out: {error}" if str(error) else "timed out") from error
                    raise errors.Unreachable(f"silent for more than {adapter.silence:g} s") from error
                finally:
                    self._awaited.pop(adapter.name, None)
                if change is None:
                    return
                self._take(adapter.name, change)
                if not isinstance(change, Upsert) or change.fresh:
                    self._confirm(adapter.name)
                if self._steady() >= self._turn:
                    await asyncio.sleep(0)
                    self._turn = self._steady() + FAIR_SHARE_SECONDS

    async def _pause(self, name: str, seconds: float) -> None:
        again = self._again[name]
        again.clear()
        try:
            async with asyncio.timeout(seconds):
                await again.wait()
        except TimeoutError:
            pass

    def _wait_seconds(self, failure: Exception, attempt: int) -> float:
        match failure:
            case errors.RateLimited(retry_after_seconds=seconds):
                return max(seconds, self._first)
            case errors.Denied():
                return self._most
            case _:
                return float(min(self._most, self._first * 2 ** min(attempt, 16)) * (0.5 + random.random()))

    def _fail(self, name: str, failure: Exception, retry_at: float) -> None:
        confirmed = self._confirmed(name)
        match failure:
            case errors.Denied():
                self._set(name, health.Denied(confirmed, str(failure), retry_at))
            case errors.SourceError():
                self._set(name, health.Stale(confirmed, str(failure) or type(failure).__name__, retry_at))
            case _:
                log.error("the adapter of %s has a defect", name, exc_info=failure)
                self._set(name, health.Stale(confirmed, f"defect in cockpit: {failure!r}; see the log", retry_at))

    def _confirmed(self, name: str) -> float | None:
        match self._health[name]:
            case health.Live(confirmed=instant):
                return instant
            case health.Stale(confirmed=known) | health.Denied(confirmed=known):
                return known
            case _:
                return None

    def _confirm(self, name: str) -> None:
        was_live = isinstance(self._health[name], health.Live)
        live = health.Live(self._steady())
        if was_live:
            self._health[name] = live
        else:
            self._set(name, live)

    def _set(self, name: str, state: Health) -> None:
        log.debug("%s: %s", name, state)
        self._health[name] = state
        self._followers.health()
        self._changed.set()

    def _take(self, name: str, change: Change[T]) -> None:
        owned = self._owned[name]
        match change:
            case Reset(items=items):
                new = {item.key: item for item in items}
                gone = owned - new.keys()
                fresh = {key: item for key, item in new.items() if self._items.get(key) != item}
                owned.clear()
                owned.update(new)
                self._drop(gone)
                self._put(fresh)
            case Upsert(items=items):
                new = {item.key: item for item in items}
                owned.update(new)
                self._put(new)
            case Remove(keys=keys):
                gone = owned.intersection(keys)
                owned.difference_update(gone)
                self._drop(gone)
            case Confirm():
                return
        self._changed.set()

    def _put(self, new: Mapping[str, T]) -> None:
        if new:
            self._items.update(new)
            self._followers.put(new)

    def _drop(self, keys: Iterable[str]) -> None:
        self._followers.drop([key for key in keys if self._items.pop(key, None) is not None])


def _forget_cancels() -> None:
    """A TaskGroup of the adapter that failed leaves a cancel counted in this task.

    Before Python 3.11.3 the next asyncio.timeout takes that for a cancel of ours, and the source would never be read
    again. A cancel that is really on its way is delivered all the same there.
    """
    task = asyncio.current_task()
    if sys.version_info < (3, 11, 3) and task is not None:
        while task.uncancel():
            pass


def _first_source_error(group: ExceptionGroup[Exception]) -> Exception:
    """An adapter that runs a TaskGroup raises groups; the first known cause in it is what the user needs."""
    known = group.subgroup(errors.SourceError)
    failure: Exception = known if known is not None else group
    while isinstance(failure, ExceptionGroup):
        failure = failure.exceptions[0]
    return failure
