"""Not too many requests at once to one cluster: a bucket of turns, as client-go's."""

from __future__ import annotations

import asyncio

from cockpit.model import clock

PER_SECOND, BURST = 50.0, 100


class Pace:
    """Turns come back at PER_SECOND, up to BURST of them; who finds none waits for the next, in order."""

    def __init__(self, per_second: float = PER_SECOND, burst: int = BURST) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._counted = float(burst), clock.steady()

    async def turn(self) -> None:
        now = clock.steady()
        self._left = min(float(self._burst), self._left + max(0.0, now - self._counted) * self._per_second)
        self._counted = now
        self._left -= 1
        if self._left < 0:
            await asyncio.sleep(-self._left / self._per_second)
