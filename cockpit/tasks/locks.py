"""Shared and exclusive locks on many keys at once, granted in order of arrival.

A claim joins the queues of all its keys in one step, before anything is awaited, so all queues agree on the order: a
claim only ever waits for older ones, and neither deadlock nor starvation can be. `Locks` binds one process;
`SharedLocks` adds the tickets that bind all processes of the user.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from cockpit.tasks.tickets import Tickets

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger(__name__)

POLL_SECONDS = (0.03, 0.5)
"""First and longest pause between two looks at the claims of other processes; each is jittered."""


class _Claim:
    __slots__ = ("exclusive", "granted", "shared")

    def __init__(self, exclusive: frozenset[str], shared: frozenset[str]) -> None:
        self.exclusive, self.shared = exclusive, shared
        self.granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Locks:
    """Binds the tasks of one event loop."""

    def __init__(self) -> None:
        self._queues: dict[str, list[_Claim]] = {}
        """Holders first, then waiters; oldest first. A key without claims has no entry."""

    @property
    def idle(self) -> bool:
        """Nobody holds or waits for anything."""
        return not self._queues

    @asynccontextmanager
    async def hold(self, *, exclusive: Iterable[str] = (), shared: Iterable[str] = ()) -> AsyncIterator[None]:
        """Hold all keys. A key in both counts as exclusive."""
        claim = self._join(frozenset(exclusive), frozenset(shared))
        try:
            await claim.granted
            yield
        finally:
            self._leave(claim)

    def _join(self, exclusive: frozenset[str], shared: frozenset[str]) -> _Claim:
        claim = _Claim(exclusive, shared - exclusive)
        for key in claim.exclusive | claim.shared:
            self._queues.setdefault(key, []).append(claim)
        self._grant(claim)
        return claim

    def _grant(self, claim: _Claim) -> None:
        if claim.granted.done():
            return
        if any(self._queues[key][0] is not claim for key in claim.exclusive):
            return
        for key in claim.shared:
            for older in self._queues[key]:
                if older is claim:
                    break
                if key in older.exclusive:
                    return
        claim.granted.set_result(None)

    def _leave(self, claim: _Claim) -> None:
        freed: dict[_Claim, None] = {}
        for key in claim.exclusive | claim.shared:
            queue = self._queues[key]
            queue.remove(claim)
            if not queue:
                del self._queues[key]
                continue
            for waiter in queue:
                freed[waiter] = None
                if key in waiter.exclusive:
                    break
        for waiter in freed:
            self._grant(waiter)


class SharedLocks:
    """Binds all cockpit processes of the user. Locks of a process that dies are free within a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local = Locks()
        self._thread = ThreadPoolExecutor(1, "locks")
        self._tickets: Tickets | None = None

    @asynccontextmanager
    async def hold(
        self,
        *,
        exclusive: Iterable[str] = (),
        shared: Iterable[str] = (),
        waiting: Callable[[str], None] = lambda _: None,
    ) -> AsyncIterator[None]:
        """Hold all keys; `waiting` is told what it waits for. Raises StoreError when the claim cannot be shared."""
        only, also = frozenset(exclusive), frozenset(shared)
        if not only and not also:
            yield
            return
        name = uuid.uuid4().hex
        # joined here and ticketed by one thread in the same order: local queues and tickets never disagree
        claim = self._local._join(only, also)
        taken = self._submit(self._take, name, only, also)
        try:
            if not claim.granted.done():
                waiting("waits for another task on its targets")
            await claim.granted
            await asyncio.shield(taken)
            await self._come_up(name, waiting)
            yield
        finally:
            left = self._submit(self._given_back, name)
            self._local._leave(claim)
            await asyncio.shield(left)

    async def close(self) -> None:
        """Give everything back. No claim may be under way."""
        await self._submit(self._close)
        self._thread.shutdown(wait=False)

    def _given_back(self, name: str) -> None:
        """The work under the locks is done: what it came to must not depend on giving them back."""
        from cockpit.tasks.store import StoreError

        try:
            if self._tickets is not None:
                self._tickets.leave(name)
        except StoreError as error:
            log.error("locks are given back later: %s", error)

    async def _come_up(self, name: str, waiting: Callable[[str], None]) -> None:
        pause, most = POLL_SECONDS
        while (blocker := await self._submit(self._blocker, name)) is not None:
            key, pid = blocker
            waiting(f"waits for {key}, held by cockpit process {pid}")
            await asyncio.sleep(pause * (0.5 + random.random()))
            pause = min(most, pause * 1.5)

    def _submit(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[R]:
        """Starts at once, in order, awaited or not."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, functools.partial(call, *args, **kwargs))
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    def _take(self, name: str, exclusive: frozenset[str], shared: frozenset[str]) -> None:
        if self._tickets is None:
            from cockpit.tasks.tickets import Tickets

            self._tickets = Tickets(self._folder, uuid.uuid4().hex)
        self._tickets.take(name, exclusive, shared)

    def _blocker(self, name: str) -> tuple[str, int] | None:
        return self._tickets.blocker(name) if self._tickets is not None else None

    def _close(self) -> None:
        from cockpit.tasks.store import StoreError

        if self._tickets is None:
            return
        try:
            self._tickets.close()
        except StoreError as error:
            log.error("locks are given back by the end of this process: %s", error)
        self._tickets = None
