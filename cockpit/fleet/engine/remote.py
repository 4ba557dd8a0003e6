"""A command on a host that can be stopped for certain, and whose end is never guessed.

No peer stops what it times out (clush, pdsh, pssh, parallel-ssh, ssh, ansible were measured), and sshd ignores a signal
that is sent to a root session. So the command is started by a line that first announces its session, and a second
channel ends every process of that session and looks that none is left.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import Struct

from cockpit.fleet.engine.link import Chunk, Ending, Running
from cockpit.fleet.engine.pool import CHANNELS, Pool
from cockpit.fleet.machine import Machine
from cockpit.model import errors

ANNOUNCE_BYTES = 64 * 1024
"""Noise of login scripts that may stand before the announcement."""
ANNOUNCE_SECONDS = 3.0
"""How long a stop waits for the announcement of a command that was just sent."""
ENDED_SECONDS = 1.0
STOP_SECONDS = 8.0
"""For the second channel to end the processes and to look."""
TERM_ROUNDS, KILL_ROUNDS = 15, 30
"""Tenths of a second from SIGTERM to SIGKILL, and from there to giving up."""

_ANNOUNCE = '{{ read -r s </proc/$$/stat; }} 2>/dev/null; set -- ${{s##*) }}; printf "{mark} %s %s\\n" $2 $4'
"""Run by a helper of the login shell, which is $2, its parent; $4 is the session. Then the login shell itself runs the
command, as it would under ssh."""
_STOPPER = r"""
seen=0
members() {
  found=
  for file in /proc/[0-9]*/stat; do
    { read -r line <"$file"; } 2>/dev/null || continue
    set -- ${line##*) }
    pid=${file#/proc/}
    [ "$4" = SESSION ] && [ "$1" != Z ] && [ "$1" != X ] && found="$found ${pid%/stat}"
  done
  [ -n "$found" ] && seen=1
}
i=0
while members; do
  if [ $i -lt TERMS ]; then
    [ $i -eq 0 ] && kill -TERM $found 2>/dev/null && kill -CONT $found 2>/dev/null
  elif [ $i -lt KILLS ]; then
    kill -KILL $found 2>/dev/null
  else
    echo "left:$found"; exit 1
  fi
  i=$((i+1)); sleep 0.1 2>/dev/null || sleep 1
done
echo MARK gone $seen
"""

_R = TypeVar("_R")


class Stopped(Struct, frozen=True):
    """What came of stopping a command."""

    confirmed: bool
    why: str = ""
    """Why it is not confirmed."""


class Remote:
    """A command that was sent. Read it to its end, or stop it."""

    def __init__(self, pool: Pool, machine: Machine, running: Running, mark: bytes) -> None:
        self._pool, self._machine, self._running = pool, machine, running
        self._mark = mark
        self._head: bytearray | None = bytearray()
        self._session = 0
        self._over = False
        self._stopped: Stopped | None = None

    @property
    def ending(self) -> Ending:
        """Whole once `read` has given None."""
        return self._running.channel.ending

    async def read(self) -> Chunk | None:
        """The next output, without the announcement; None at the end."""
        while True:
            chunk = await self._running.channel.read()
            if chunk is None:
                return self._last()
            if chunk.stderr or self._head is None:
                return chunk
            data = self._announced(chunk.data)
            if data:
                return Chunk(data)

    async def stop(self) -> Stopped:
        """End all its processes and look that none is left. Bounded; never raises for what the host does."""
        if self._stopped is None:
            self._stopped = await unbroken(self._bounded_stop())
        return self._stopped

    async def close(self) -> None:
        """Let go of it; stop it first when its end has not been read."""
        if not self._over and self._stopped is None:
            await self.stop()
        self._running.close()

    async def _bounded_stop(self) -> Stopped:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                return await self._stop()
        except TimeoutError:
            return Stopped(False, "the host did not confirm in time")
        except errors.SourceError as error:
            return Stopped(False, str(error))

    async def _stop(self) -> Stopped:
        await self._await_announcement()
        if self.ending.known:
            return Stopped(True)
        if not self._session:
            return Stopped(False, "the host did not say which process it is")
        mark = secrets.token_hex(8)
        script = _STOPPER.replace("SESSION", str(self._session)).replace("TERMS", str(TERM_ROUNDS))
        script = script.replace("KILLS", str(TERM_ROUNDS + KILL_ROUNDS)).replace("MARK", mark)
        running = await self._pool.start(self._machine, f"exec /bin/sh -c {shlex.quote(script)}")
        said = bytearray()
        try:
            while (chunk := await running.channel.read()) is not None:
                said += chunk.data[:1000]
        finally:
            running.close()
        if f"{mark} gone 1".encode() in said or await self._ended_by_itself():
            return Stopped(True)
        left = re.search(rb"left:([ \d]+)", said)
        return Stopped(False, f"still running: process{left[1].decode()}" if left else "its processes were not seen")

    async def _ended_by_itself(self) -> bool:
        """Nothing of its session was seen: it has just ended and says so, or another machine has answered."""
        try:
            async with asyncio.timeout(ENDED_SECONDS):
                while not self.ending.known and await self._running.channel.read() is not None:
                    pass
        except TimeoutError:
            pass
        return self.ending.known

    async def _await_announcement(self) -> None:
        """A command that was only just sent may not have announced itself yet. What it says meanwhile is dropped."""
        try:
            async with asyncio.timeout(ANNOUNCE_SECONDS):
                while self._head is not None and not self.ending.known:
                    chunk = await self._running.channel.read()
                    if chunk is None:
                        return
                    if not chunk.stderr:
                        self._announced(chunk.data)
        except TimeoutError:
            return

    def _announced(self, data: bytes) -> bytes:
        """Take the announcement out of the first output; what stands before it was said by login scripts."""
        assert self._head is not None
        self._head += data
        found = re.search(re.escape(self._mark) + rb" (\d*) (\d*)\r?\n", self._head)
        if found is None:
            if len(self._head) <= ANNOUNCE_BYTES:
                return b""
        elif found[1] and found[1] == found[2]:
            self._session = int(found[1])
        head = bytes(self._head) if found is None else bytes(self._head[: found.start()] + self._head[found.end() :])
        self._head = None
        return head

    def _last(self) -> Chunk | None:
        head, self._head = self._head, None
        if head:
            return Chunk(bytes(head))
        self._over = True
        return None


@asynccontextmanager
async def sent(pool: Pool, machine: Machine, command: str) -> AsyncIterator[Remote]:
    """Start a command by the login shell of the user, its input empty; leaving early stops it.

    Raises errors.Unreachable, Denied and Refused when it was not started, UnknownOutcome when that is in doubt.
    """
    mark = secrets.token_hex(8)
    line = f"/bin/sh -c {shlex.quote(_ANNOUNCE.format(mark=mark))}\n{command}"
    async with pool.channels(machine):
        starting = asyncio.ensure_future(pool.start(machine, line))
        try:
            running = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await unbroken(_undo(pool, machine, starting, mark))
            raise
        remote = Remote(pool, machine, running, mark.encode())
        try:
            yield remote
        finally:
            await remote.close()


async def _undo(pool: Pool, machine: Machine, starting: asyncio.Future[Running], mark: str) -> None:
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
        remote = Remote(pool, machine, starting.result(), mark.encode())
        stopped = await remote.stop()
        await remote.close()
        if not stopped.confirmed:
            raise errors.UnknownOutcome(f"{machine.where}: cancelled, but it may go on: {stopped.why}")
    elif isinstance(error, errors.UnknownOutcome):
        raise error


async def unbroken(work: Coroutine[Any, Any, _R]) -> _R:
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
