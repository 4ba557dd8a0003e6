"""What keeps many connections from hurting: the loop they share, and the servers that they go through.

Round trips are hidden by having many on their way; so no gate is held while one waits for an answer of the network, but
for those that a server itself asks for by failing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

SLICE_SECONDS = 0.004
"""Of handshake work in one turn of the loop."""
TURN_SECONDS = 0.0005
"""What a waiter of `turn` is taken to cost."""


class Pacer:
    """Does the CPU work of many handshakes in slices, in the order it came, so that the loop turns between them.

    A hundred hosts that answer at once would else hold the screen for 50 ms and more.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], float]] = deque()
        self._running = False

    def do(self, work: Callable[..., object], *args: Any) -> None:
        """Soon, and after what is already waiting."""

        def now() -> float:
            work(*args)
            return 0.0

        self._put(now)

    async def turn(self) -> None:
        """Wait for one's turn to do a piece of work."""
        turn = asyncio.get_running_loop().create_future()

        def now() -> float:
            if not turn.done():
                turn.set_result(None)
            return TURN_SECONDS

        self._put(now)
        await turn

    def _put(self, piece: Callable[[], float]) -> None:
        self._waiting.append(piece)
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_soon(self._slice)

    def _slice(self) -> None:
        over = time.perf_counter() + SLICE_SECONDS
        while self._waiting:
            over -= self._waiting.popleft()()
            if time.perf_counter() > over and self._waiting:
                asyncio.get_running_loop().call_soon(self._slice)
                return
        self._running = False


class Adaptive:
    """How much a server may be asked for at the same time, learnt from what it bears (AIMD, as TCP does it: RFC 5681).

    One more for each success until the first failure, from then on one more for a whole round of them; half after a
    failure.
    """

    def __init__(self, start: int, *, least: int, most: int) -> None:
        self.limit = float(start)
        self._least, self._most = least, most
        self._failed = False
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """One request on its way. Say how it went by `worked` and `failed`; what did neither teaches nothing."""
        await self._enter()
        try:
            yield
        finally:
            self._busy -= 1
            self._let_in()

    def worked(self) -> None:
        self.limit = min(self._most, self.limit + (1 / self.limit if self._failed else 1))
        self._let_in()

    def failed(self) -> None:
        self._failed = True
        self.limit = max(self._least, self.limit / 2)

    async def _enter(self) -> None:
        if self._busy < int(self.limit) and not self._waiting:
            self._busy += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._busy -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting and self._busy < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self._busy += 1
                turn.set_result(None)
