"""A way to run commands on one machine, whatever carries it: what SSH and this machine itself have in common."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from cockpit.model import errors
from cockpit.tasks.terminal import Terminal

HIGH_BYTES = 128 * 1024
"""Output that may wait for its reader; beyond it the other side is made to wait (SSH window, pipe)."""
LOW_BYTES = 32 * 1024
READ_BYTES = 128 * 1024
"""Output of one stream that one read may join: a reader that wakes for each packet costs more than the packets."""
HELD_SECONDS = 1.0
"""Quiet time after the command has ended and before output that never closes is called held by a detached child."""
HELD_MOST_SECONDS = 5.0
"""The same for a detached child that goes on writing a little, counted while nothing makes it wait."""
HELD_MOST_BYTES = 8 * 2**20
"""The same for one that writes much: pipes and SSH windows hold less than this of the command's own output."""


class NotSent(Exception):
    """The connection was gone before the command went out: trying again is safe."""


class NoChannel(errors.Refused):
    """The host opened no channel: it allows only so many at a time, and may still be busy closing others."""


class Chunk(Struct, frozen=True):
    """Output in any encoding, cut anywhere."""

    data: bytes
    stderr: bool = False


class Ending(Struct):
    """How a command ended. Neither status nor signal: the connection was lost, and its effect is not known."""

    status: int | None = None
    signal: str = ""
    """"KILL", without "SIG"."""
    pipe_held: bool = False
    """It ended, but a detached child kept its output open."""
    lost: str = ""
    """Why the channel closed early."""
    at: float | None = None
    """When it ended, by the event loop's clock in seconds; None: that is not known."""

    @property
    def known(self) -> bool:
        return self.status is not None or bool(self.signal)


class Channel:
    """One running command: its output, pulled by the reader, and its end. Bounded by pausing the other side."""

    def __init__(self, pause: Callable[[bool], None]) -> None:
        """`pause(True)` stops the other side, `pause(False)` lets it go on."""
        self.ending = Ending()
        self._pause = pause
        self._chunks: deque[Chunk] = deque()
        self._waiting_bytes = 0
        self._paused = False
        self._closed = False
        self._ended_at: float | None = None
        """When it ended, or when its output was last allowed to go on after that."""
        self._late_bytes = 0
        self._wake = asyncio.Event()
        self._over = asyncio.Event()

    def feed(self, data: bytes, *, stderr: bool) -> None:
        """Output has come. What comes after the end was called is dropped."""
        if self._closed:
            return
        self._chunks.append(Chunk(data, stderr))
        self._waiting_bytes += len(data)
        self._late_bytes += len(data) if self._ended_at is not None else 0
        if self._waiting_bytes > HIGH_BYTES and not self._paused:
            self._paused = True
            self._pause(True)
        self._wake.set()

    def ended(self, *, status: int | None = None, signal: str = "") -> None:
        """The command has ended; output may still come."""
        self.ending.status, self.ending.signal = status, signal
        self.ending.at = self._ended_at = asyncio.get_running_loop().time()
        self._wake.set()
        self._over.set()

    def closed(self, why: str = "") -> None:
        """Nothing more will come."""
        if not self.ending.known:
            self.ending.lost = why or "it ended without saying how"
        self._closed = True
        self._wake.set()
        self._over.set()

    async def over(self) -> None:
        """Wait until the command has ended or the channel has closed; its output is left for `read`."""
        await self._over.wait()

    async def read(self) -> Chunk | None:
        """The output that is here, of one stream; None when the command has ended and its output is all read."""
        while not self._chunks:
            if self._closed:
                return None
            self._wake.clear()
            if not await self._more():
                self.ending.pipe_held = True
                return None
        if not self._closed and self._overdue():
            self.ending.pipe_held = True
            self._closed = True
        chunk = self._next()
        self._waiting_bytes -= len(chunk.data)
        if self._paused and self._waiting_bytes < LOW_BYTES:
            self._paused = False
            if self._ended_at is not None:
                self._ended_at = asyncio.get_running_loop().time()
            self._pause(False)
        return chunk

    def _next(self) -> Chunk:
        first = self._chunks.popleft()
        if not self._chunks or self._chunks[0].stderr != first.stderr:
            return first
        pieces, size = [first.data], len(first.data)
        while self._chunks and self._chunks[0].stderr == first.stderr and size < READ_BYTES:
            pieces.append(self._chunks.popleft().data)
            size += len(pieces[-1])
        return Chunk(b"".join(pieces), first.stderr)

    def _overdue(self) -> bool:
        """What still comes is no longer the command's own."""
        if self._ended_at is None or self._paused:
            return False
        since = asyncio.get_running_loop().time() - self._ended_at
        return since > HELD_MOST_SECONDS or self._late_bytes > HELD_MOST_BYTES

    async def _more(self) -> bool:
        """Wait for output or an end; False when the command is over and only a detached child can hold the pipe."""
        if self._ended_at is None:
            await self._wake.wait()
            return True
        try:
            async with asyncio.timeout(HELD_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True


class Running(Protocol):
    """A command or a shell that was started over a link."""

    @property
    def channel(self) -> Channel: ...

    def write(self, data: bytes) -> None:
        """Input. Dropped once the other side has closed."""

    async def room(self) -> None:
        """Wait while much of the input has not been taken: call it between large writes."""

    def eof(self) -> None:
        """The input ends."""

    def resize(self, terminal: Terminal) -> None:
        """A shell's terminal has another size."""

    def close(self) -> None:
        """Let go of it; does not stop the command on the other side."""


class Link(Protocol):
    """A kept way to one machine."""

    @property
    def alive(self) -> bool: ...

    async def start(self, command: str, *, feed: bool = False) -> Running:
        """Run a command line by the login shell, its input empty or, with `feed`, what is written.

        Raises NotSent, and errors.Unreachable, Refused or UnknownOutcome.
        """

    async def shell(self, terminal: Terminal) -> Running:
        """The user's login shell on a terminal of its own. Its two streams are one. Raises what `start` does."""

    async def close(self) -> None: ...
