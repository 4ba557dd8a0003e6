"""An event loop on which a key does not wait behind hundreds of hosts.

asyncio calls all that can be read in one go before anything else has its turn: with 500 hosts that answer at once, one
turn takes 20 ms of processor time and more, and a key takes some six turns to its paint.
"""

from __future__ import annotations

import asyncio
import selectors
from collections import deque

MOST_AT_ONCE = 4
"""Sockets and pipes of one turn."""


class FewAtATime(selectors.DefaultSelector):
    """Hands over what is ready in small parts, all of it before the system is asked again: nobody is left out."""

    def __init__(self) -> None:
        super().__init__()
        self._left: deque[tuple[selectors.SelectorKey, int]] = deque()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self._left:
            self._left.extend(super().select(timeout))
        registered = self.get_map()
        few: list[tuple[selectors.SelectorKey, int]] = []
        while self._left and len(few) < MOST_AT_ONCE:
            key, events = self._left.popleft()
            # What was given up or asked for otherwise meanwhile may be another socket by now: the system is asked anew.
            if registered.get(key.fd) is key:
                few.append((key, events))
        return few


def fair_loop() -> asyncio.AbstractEventLoop:
    """For asyncio.Runner."""
    return asyncio.SelectorEventLoop(FewAtATime())
