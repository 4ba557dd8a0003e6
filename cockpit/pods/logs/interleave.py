"""Lines of several logs in the order of their timestamps, within a small window, with back-pressure for each.

A line is given on once every log that speaks has got as far as its timestamp. One that has been quiet for QUIET_SECONDS
is not waited for, and no line waits longer than HOLD_SECONDS: a node whose clock is late must not stop the others.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence

from cockpit.model import clock
from cockpit.pods.logs import stamp
from cockpit.pods.logs.stream import EVERY, NOTICE

QUIET_SECONDS = 0.2
HOLD_SECONDS = 1.0
FLUSH_SECONDS = 0.03
"""Between two hand-overs."""
WAITING_BYTES = 8 * 1024 * 1024
"""Of all logs together; a log over its share is not read on until there is room."""
LEAST_BYTES = 128 * 1024

Take = Callable[[list[bytes], list[int]], Awaitable[None]]
"""Lines with their tags, in order."""


class _Queue:
    """Of one log. Keys ascend."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.lines: list[bytes] = []
        self.tags: list[int] = []
        self.bytes = 0
        self.last = 0
        self.heard = clock.steady()
        self.oldest = self.heard
        """When the first of what waits came."""
        self.room = asyncio.Event()
        self.room.set()
        self.over = False

    def add(self, keys: Sequence[int], lines: Sequence[bytes], tags: Sequence[int]) -> None:
        now = clock.steady()
        if not self.keys:
            self.oldest = now
        if keys[0] < self.last:
            keys = [max(key, self.last) for key in keys]
        self.keys += keys
        self.lines += lines
        self.tags += tags
        self.bytes += sum(map(len, lines))
        self.last, self.heard = keys[-1], now


class Interleave:
    """`run` hands on what `put` brings."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._queues: dict[int, _Queue] = {}
        self._wake = asyncio.Event()
        self._ending = False
        self._given = 0
        """The newest timestamp that was handed on."""

    def open(self, number: int) -> None:
        """This log begins to be read: its first lines are waited for, shortly."""
        queue = self._queues.setdefault(number, _Queue())
        queue.over, queue.heard = False, clock.steady()

    def close(self, number: int) -> None:
        """Nothing more of it comes, for now."""
        if number in self._queues:
            self._queues[number].over = True
            self._wake.set()

    async def put(self, number: int, keys: Sequence[int], lines: Sequence[bytes], tags: Sequence[int]) -> None:
        """Wait while much of this log is waiting. `keys` ascend."""
        queue = self._queues.setdefault(number, _Queue())
        if lines:
            queue.add(keys, lines, tags)
            self._wake.set()
        if queue.bytes > max(LEAST_BYTES, WAITING_BYTES // max(1, len(self._queues))):
            queue.room.clear()
            await queue.room.wait()

    def say(self, number: int, text: str) -> None:
        """A line of ours in its place among the lines of that log."""
        queue = self._queues.setdefault(number, _Queue())
        key = max(queue.last, self._given if number == EVERY else 0)
        now = int(clock.wall() * stamp.SECOND)
        line = stamp.write(now) + b" " + " ".join(text.split()).encode("utf-8", "replace")
        queue.add([key], [line], [number | NOTICE])
        self._wake.set()

    async def run(self) -> None:
        """Until `end` was called and all is handed on."""
        while not self._ending:
            await self._wake.wait()
            self._wake.clear()
            await self._give(self._mark())
            if any(queue.keys for queue in self._queues.values()):
                self._wake.set()
            await asyncio.sleep(FLUSH_SECONDS)
        await self._give(None)

    def end(self) -> None:
        """Nothing more comes of any log."""
        self._ending = True
        self._wake.set()

    def _mark(self) -> int | None:
        """The timestamp up to which lines are given on; None: all."""
        now = clock.steady()
        speaking = [q for q in self._queues.values() if not q.over and now - q.heard < QUIET_SECONDS]
        if not speaking:
            return None
        late = [q.last for q in self._queues.values() if q.keys and now - q.oldest > HOLD_SECONDS]
        return max(min(q.last for q in speaking), max(late, default=0))

    async def _give(self, mark: int | None) -> None:
        due: list[tuple[list[int], list[bytes], list[int]]] = []
        for number, queue in list(self._queues.items()):
            count = len(queue.keys) if mark is None else bisect_right(queue.keys, mark)
            if count:
                due.append((queue.keys[:count], queue.lines[:count], queue.tags[:count]))
                del queue.keys[:count], queue.lines[:count], queue.tags[:count]
                queue.bytes -= sum(map(len, due[-1][1]))
                queue.oldest = clock.steady()
            if queue.over and not queue.keys:
                del self._queues[number]
        if due:
            self._given = max(self._given, *(keys[-1] for keys, _, _ in due))
            await self._take(*_merged(due))
        for queue in self._queues.values():
            queue.room.set()


def _merged(due: list[tuple[list[int], list[bytes], list[int]]]) -> tuple[list[bytes], list[int]]:
    if len(due) == 1:
        return due[0][1], due[0][2]
    # Sorted by place, not as tuples: thousands of them at a time would keep the garbage collector busy.
    keys = [key for keys, _, _ in due for key in keys]
    lines = [line for _, lines, _ in due for line in lines]
    tags = [tag for _, _, tags in due for tag in tags]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [lines[place] for place in order], [tags[place] for place in order]
