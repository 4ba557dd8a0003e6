"""A command on a host that can be stopped for certain, and whose end is never guessed.

No peer stops what it times out (clush, pdsh, pssh, parallel-ssh, ssh, ansible were measured), and sshd ignores a signal
that is sent to a root session. So the command is started by a line that first announces its process, and a second
channel ends that process, its session and its descendants, and looks that none is left.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import Struct

from cockpit.fleet.engine import announce
from cockpit.fleet.engine.announce import Announcement
from cockpit.fleet.engine.link import Chunk, Ending, Running
from cockpit.fleet.engine.pool import CHANNELS, Pool
from cockpit.fleet.engine.stop import Stopped, judged, stop
from cockpit.fleet.engine.sudo import LEAVE_SECONDS, Door, Sudo
from cockpit.fleet.machine import Machine
from cockpit.model import errors

ANNOUNCE_SECONDS = 3.0
"""How long a stop waits for the announcement of a command that was just sent."""
ENDED_SECONDS = 1.0
"""For the host to say that a command has ended by itself, when it is not among its processes any more."""
LINE_BYTES = 128 * 1024 - 1
"""Of one argument of a program on Linux (MAX_ARG_STRLEN, execve(2)): the login shell gets the command as one."""

_R = TypeVar("_R")


class Timeline(Struct):
    """When what happened, by the event loop's clock in seconds; None: not yet, or never."""

    sent: float
    """The command was handed to the connection."""
    taken: float | None = None
    """The host has said that it starts it; with sudo, sudo has let it in."""
    output: float | None = None
    """The first of its output was read."""
    ended: float | None = None
    """It ended."""
    drained: float | None = None
    """All its output was read."""


class Remote:
    """A command that was sent. Read it to its end, or stop it."""

    def __init__(
        self, pool: Pool, machine: Machine, running: Running, announcement: Announcement, timeline: Timeline
    ) -> None:
        self._pool, self._machine, self._running = pool, machine, running
        self._announcement = announcement
        self._timeline = timeline
        self._before: deque[Chunk] = deque()
        """Read while something else was waited for."""
        self._sudo: Sudo | None = None
        self._asking = False
        """sudo has not let it in yet."""
        self._over = False
        self._stopping: asyncio.Future[Stopped] | None = None

    @property
    def ending(self) -> Ending:
        """Whole once `read` has given None."""
        return self._running.channel.ending

    @property
    def timeline(self) -> Timeline:
        self._timeline.ended = self.ending.at
        return self._timeline

    async def read(self) -> Chunk | None:
        """The output that is here, of one stream, without the announcement; None at the end."""
        chunk = self._before.popleft() if self._before else await self._read()
        if self._timeline.output is None and chunk is not None:
            self._timeline.output = _now()
        if chunk is None and not self._over:
            self._over = True
            self._timeline.drained = _now()
        return chunk

    async def _read(self) -> Chunk | None:
        announcement = self._announcement
        while (chunk := await self._running.channel.read()) is not None:
            if chunk.stderr or not announcement.awaited:
                return chunk
            if data := announcement.feed(chunk.data):
                return Chunk(data)
        return Chunk(data) if (data := announcement.release()) else None

    def write(self, data: bytes) -> None:
        """Input, when it was sent with `feed`. Dropped once the other side has closed."""
        self._running.write(data)

    async def room(self) -> None:
        """Wait while much of the input has not been taken: call it between large writes."""
        await self._running.room()

    def eof(self) -> None:
        """The input ends."""
        self._running.eof()

    async def stop(self) -> Stopped:
        """End all its processes and look that none is left. Bounded; never raises for what the host does.

        A cancel does not cut it short.
        """
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())
        return await unbroken(self._stopping)

    async def close(self) -> None:
        """Let go of it; stop it first when its end has not been read."""
        try:
            if not self._over and self._stopping is None:
                await self.stop()
        finally:
            self._running.close()

    async def enter(self, door: Door, sudo: Sudo) -> None:
        """See Door.enter; what was said meanwhile is read first."""
        self._asking = True
        self._before.extend(await door.enter(self._running, self._announcement))
        self._asking, self._sudo = False, sudo
        if not sudo.is_root:
            self._announcement = door.inside

    async def _stop(self) -> Stopped:
        if self._asking and await self._gives_up():
            return Stopped(True)
        await self._await_announcement()
        if self.ending.known:
            return Stopped(True)
        who = self._announcement.who
        if who is None:
            return Stopped(False, "the host did not say which process it is")
        told = await stop(self._pool, self._machine, who, self._sudo)
        if isinstance(told, Stopped):
            return told
        if told.word in ("absent", "orphans") and await self._has_ended(ENDED_SECONDS):
            return Stopped(True)
        return judged(told, who)

    async def _gives_up(self) -> bool:
        """sudo still asks: it ends with its input."""
        self._running.eof()
        return await self._has_ended(LEAVE_SECONDS)

    async def _has_ended(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._running.channel.over()
        except TimeoutError:
            pass
        return self.ending.known

    async def _await_announcement(self) -> None:
        """A command that was only just sent may not have announced itself yet."""
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                while self._announcement.awaited and not self.ending.known:
                    chunk = await self._running.channel.read()
                    if chunk is None:
                        return
                    if chunk.stderr:
                        self._before.append(chunk)
                    elif data := self._announcement.feed(chunk.data):
                        self._before.append(Chunk(data))
        except TimeoutError:
            return


@asynccontextmanager
async def sent(
    pool: Pool, machine: Machine, command: str, *, feed: bool = False, sudo: Sudo | None = None
) -> AsyncIterator[Remote]:
    """Start a command by the login shell of the user; leaving early stops it.

    Its input is empty or, with `feed`, what is written. With `sudo` it runs as another user, once sudo has let it in.
    Raises errors.Unreachable, Denied (SudoRefused) and Refused when it was not started, UnknownOutcome when that is in
    doubt.
    """
    announcement = Announcement(secrets.token_hex(8))
    door = Door(sudo, machine) if sudo is not None else None
    line = announce.line(announcement.mark) + (command if door is None else door.line(command))
    if (size := len(line.encode())) > LINE_BYTES:
        raise errors.Refused(
            f"the command is {size - LINE_BYTES} bytes too long to be one argument; send it as a file, or by its input"
        )
    async with pool.channels(machine):
        timeline = Timeline(_now())
        starting = asyncio.ensure_future(pool.start(machine, line, feed=feed or door is not None))
        try:
            running = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await unbroken(_undo(pool, machine, starting, announcement))
            raise
        remote = Remote(pool, machine, running, announcement, timeline)
        try:
            if door is not None and sudo is not None:
                try:
                    await remote.enter(door, sudo)
                except asyncio.CancelledError:
                    await unbroken(_surely_stopped(remote, machine))
                    raise
                if not feed:
                    remote.eof()
            timeline.taken = _now()
            yield remote
        finally:
            await remote.close()


async def _undo(pool: Pool, machine: Machine, starting: asyncio.Future[Running], announcement: Announcement) -> None:
    """A cancel while the command was on its way: stop it if it got through.

    Raises errors.UnknownOutcome when it may have got through and cannot be stopped.
    """
    if not pool.connected(machine):
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    await asyncio.wait([starting], timeout=ANNOUNCE_SECONDS)
    if not starting.done():
        starting.cancel()
        raise errors.UnknownOutcome(f"{machine.where} did not say whether it started the command")
    error = starting.exception()
    if error is None:
        remote = Remote(pool, machine, starting.result(), announcement, Timeline(_now()))
        try:
            await _surely_stopped(remote, machine)
        finally:
            await remote.close()
    elif isinstance(error, errors.UnknownOutcome):
        raise error


async def _surely_stopped(remote: Remote, machine: Machine) -> None:
    """Raises errors.UnknownOutcome when it may go on."""
    stopped = await remote.stop()
    if not stopped.confirmed:
        raise errors.UnknownOutcome(f"{machine.where}: cancelled, but it may go on: {stopped.why}")


async def unbroken(work: Coroutine[Any, Any, _R] | asyncio.Future[_R]) -> _R:
    """Finish what must be finished, also when a second cancel comes; the cancel is then passed on."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    return task.result()


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def _channel(pool: Pool, machine: Machine, seconds: float) -> AsyncIterator[None]:
    """One of the host's channels. Raises errors.Unreachable when none gets free in time."""
    channels = pool.channels(machine)
    try:
        async with asyncio.timeout(seconds):
            await channels.acquire()
    except TimeoutError as error:
        said = f"{machine.where} is busy with {CHANNELS} commands of yours; wait for one to end or cancel one"
        raise errors.Unreachable(said) from error
    try:
        yield
    finally:
        channels.release()


async def answer(pool: Pool, machine: Machine, command: str, *, seconds: float, most_bytes: int = 65536) -> bytes:
    """The output of a cheap command that changes nothing, without the safety of `sent`. Raises model.errors.

    `seconds` bound the answer, and before that the wait for a free channel.
    """
    try:
        async with _channel(pool, machine, seconds):
            await pool.link(machine)
            async with asyncio.timeout(seconds):
                running = await pool.start(machine, command)
                try:
                    said = bytearray()
                    while len(said) < most_bytes and (chunk := await running.channel.read()) is not None:
                        said += b"" if chunk.stderr else chunk.data
                finally:
                    running.close()
    except TimeoutError as error:
        raise errors.Unreachable(f"{machine.where} did not answer within {seconds:g} s") from error
    except errors.UnknownOutcome as error:
        raise errors.Unreachable(str(error)) from error
    if not running.channel.ending.known and len(said) < most_bytes:
        raise errors.Unreachable(f"{machine.where}: {running.channel.ending.lost}")
    return bytes(said)
