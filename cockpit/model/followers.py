"""Those who follow a changing set of items: each gets its own delta, merged by key since it last looked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Generic

from cockpit.model.changes import Delta, T


class _Follower(Generic[T]):
    def __init__(self, delta: Delta[T]) -> None:
        self.delta = delta
        self.wake = asyncio.Event()
        self.wake.set()


class Followers(Generic[T]):
    """Told of every change at once; what it holds for a follower is bounded by the keys that changed."""

    def __init__(self, items: Mapping[str, T]) -> None:
        """`items` is the live set, which every new follower gets as a whole."""
        self._items = items
        self._all: set[_Follower[T]] = set()

    def __len__(self) -> int:
        return len(self._all)

    def put(self, new: Mapping[str, T]) -> None:
        """These are new, or others than before."""
        for follower in self._all:
            follower.delta.upserts.update(new)
            follower.delta.removed.difference_update(new)
            follower.wake.set()

    def drop(self, keys: Iterable[str]) -> None:
        """These are gone. Each has been there."""
        for key in keys:
            for follower in self._all:
                follower.delta.upserts.pop(key, None)
                follower.delta.removed.add(key)
                follower.wake.set()

    def health(self) -> None:
        """The health of some source is another."""
        for follower in self._all:
            follower.delta.health = True
            follower.wake.set()

    async def follow(self, period: float) -> AsyncIterator[Delta[T]]:
        """The whole at once, then at most one delta each `period` seconds. Never ends by itself."""
        follower = _Follower(Delta(reset=True, upserts=dict(self._items), health=True))
        self._all.add(follower)
        try:
            while True:
                await follower.wake.wait()
                follower.wake.clear()
                delta, follower.delta = follower.delta, Delta()
                yield delta
                await asyncio.sleep(period)
        finally:
            self._all.discard(follower)
