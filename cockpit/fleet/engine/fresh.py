"""What is read from files by many at once: read again when it may have changed, once for all who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")

MOST = 4096
"""Kept answers."""


class Fresh(Generic[_K, _V]):
    """Answers that are at most `seconds` old."""

    def __init__(self, load: Callable[[_K], _V], seconds: float) -> None:
        """`load` runs in a thread."""
        self._load, self._seconds = load, seconds
        self._kept: dict[_K, tuple[float, _V]] = {}
        self._loading: dict[_K, asyncio.Task[_V]] = {}

    async def get(self, key: _K, *, anew: bool = False) -> _V:
        """With `anew` nothing is taken that was read before this call. Raises what `load` does."""
        loop = asyncio.get_running_loop()
        kept = self._kept.get(key)
        if kept is not None and not anew and loop.time() - kept[0] < self._seconds:
            return kept[1]
        loading = None if anew else self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.create_task(self._read(key))
        return await asyncio.shield(loading)

    async def _read(self, key: _K) -> _V:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            value = await asyncio.to_thread(self._load, key)
        finally:
            if self._loading.get(key) is asyncio.current_task():
                del self._loading[key]
        if len(self._kept) >= MOST:
            self._kept.clear()
        if key not in self._kept or self._kept[key][0] <= began:
            self._kept[key] = (began, value)
        return value
