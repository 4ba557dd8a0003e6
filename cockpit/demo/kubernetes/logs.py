"""Container logs: produced while somebody could be reading, kept in bounded rings, deterministic for a seed.

Nothing runs in the background: a log is brought up to date when it is read, and a follower asks when the next line
is due. Lines are written at the moments a seeded generator gives, so two readers see the same log.
"""

from __future__ import annotations

import asyncio
import datetime
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from random import Random

import msgspec

KEPT = 2_000  # lines per container
KEPT_PREVIOUS = 400
BEHIND = 900.0  # seconds of history that a container which began long ago starts with
PUSHED_AT_MOST = 200  # lines a follower gets in one go

Voice = Callable[[Random, float], str]  # one line at a moment


class Line(msgspec.Struct, frozen=True, gc=False):
    at: float
    text: bytes

    def stamped(self) -> bytes:
        moment = datetime.datetime.fromtimestamp(self.at, datetime.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f").encode() + b"000Z " + self.text


class Log:
    """The output of one container instance. `count` numbers every line ever written, so that a drop can be seen."""

    def __init__(self, *, seed: str, began: float, now: float, voice: Voice | None, every: float) -> None:
        self._random = Random(zlib.crc32(seed.encode()))
        self._voice, self._every = voice, every
        self._due = max(began, now - BEHIND)
        self.lines: deque[Line] = deque(maxlen=KEPT)
        self.count = 0
        self.ended = False
        self._readers: set[asyncio.Future[None]] = set()

    def write(self, text: str | bytes, at: float) -> None:
        self.lines.append(Line(at, text.encode() if isinstance(text, str) else text))
        self.count += 1
        self._wake()

    def end(self, at: float) -> None:
        """The container stopped: no more lines, and followers finish."""
        self.advance(at)
        self.ended = True
        self._wake()

    def advance(self, now: float) -> None:
        if self._voice is None or self.ended:
            return
        while self._due <= now:
            self.write(self._voice(self._random, self._due), self._due)
            # Bursts and pauses: mostly close to the mean, now and then a quiet stretch.
            self._due += self._every * (self._random.random() * 1.6 + 0.1) * (4 if self._random.random() < 0.05 else 1)

    async def wait(self, count: int, clock: Callable[[], float]) -> None:
        """Return when there is a line after number `count` or the log has ended."""
        while self.count <= count and not self.ended:
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.add(reader)
            pause = None if self._voice is None else max(0.0, self._due - clock()) + 0.001
            try:
                async with asyncio.timeout(pause):
                    await reader
            except TimeoutError:
                self.advance(clock())
            finally:
                self._readers.discard(reader)

    def after(self, count: int) -> list[Line]:
        """Lines numbered from `count`, as far as they are still kept."""
        fresh = min(self.count - count, len(self.lines))
        return list(self.lines)[len(self.lines) - fresh :] if fresh > 0 else []

    def _wake(self) -> None:
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)


class Logs:
    """The logs of all containers, each with the one before its last restart."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._current: dict[tuple[str, str], Log] = {}
        self._previous: dict[tuple[str, str], list[Line]] = {}

    def begin(self, uid: str, container: str, *, began: float, voice: Voice | None, every: float = 1.0) -> Log:
        """A container instance starts; what ran before becomes its previous log."""
        key = (uid, container)
        before = self._current.get(key)
        if before is not None:
            before.end(self.clock())
            self.keep_previous(uid, container, list(before.lines))
        seed = f"{uid}/{container}/{began:.0f}"
        log = self._current[key] = Log(seed=seed, began=began, now=self.clock(), voice=voice, every=every)
        return log

    def keep_previous(self, uid: str, container: str, lines: list[Line]) -> None:
        self._previous[(uid, container)] = lines[-KEPT_PREVIOUS:]

    def current(self, uid: str, container: str) -> Log | None:
        return self._current.get((uid, container))

    def previous(self, uid: str, container: str) -> list[Line] | None:
        return self._previous.get((uid, container))

    def forget(self, uid: str) -> None:
        """The pod is gone: followers finish, memory is freed."""
        for key in [key for key in self._current if key[0] == uid]:
            self._current.pop(key).end(self.clock())
        for key in [key for key in self._previous if key[0] == uid]:
            del self._previous[key]


async def follow(log: Log, count: int, clock: Callable[[], float]) -> AsyncIterator[list[Line]]:
    """Batches of lines after number `count` until the container ends."""
    while True:
        log.advance(clock())
        lines = log.after(count)
        count = max(count, log.count)
        for start in range(0, len(lines), PUSHED_AT_MOST):
            yield lines[start : start + PUSHED_AT_MOST]
        if log.count > count:
            continue
        if log.ended:
            return
        await log.wait(count, clock)
