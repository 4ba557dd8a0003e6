"""Ending a command from outside: a second channel runs the stopper, over a new connection when the kept one fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Awaitable, Callable

from msgspec import Struct

from cockpit.fleet.engine.announce import Announced
from cockpit.fleet.engine.link import NotSent, Running
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.stopper import Said, said, script
from cockpit.fleet.engine.sudo import Door, Sudo, SudoRefused
from cockpit.fleet.machine import Machine
from cockpit.model import errors

STOP_SECONDS = 12.0
"""For all of it: channels, connections, the processes' own time to end, and the last look."""
READY_SECONDS = 4.0
"""For the kept connection to answer; then a new one is tried."""
TICKS_SECONDS = (0.05, 0.05, 0.1, 0.1, 0.2)
"""Between the lines that the script waits for; the last one again and again."""
EXIT_SECONDS = 1.0
"""For the script to end when it has said all."""
SAID_BYTES = 64 * 1024

Starter = Callable[[str], Awaitable[Running]]
"""Runs a command line that takes input."""


class Stopped(Struct, frozen=True):
    """What came of stopping a command."""

    confirmed: bool
    why: str = ""
    """Why it is not confirmed."""


async def stop(pool: Pool, machine: Machine, who: Announced, sudo: Sudo | None) -> Said | Stopped:
    """End a command's processes and look that none is left: what the stopper says, or why it could say nothing.

    Bounded; never raises for what the host does.
    """
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await _told(pool, machine, who, sudo)
    except TimeoutError:
        return Stopped(False, "the host did not confirm in time")
    except errors.SourceError as error:
        return Stopped(False, str(error))


def judged(told: Said, who: Announced) -> Stopped:
    """What the stopper's words are worth."""
    numbers = " ".join(map(str, told.pids))
    match told.word:
        case "gone" | "absent" if told.hidden:
            return Stopped(False, "this host hides other users' processes (hidepid); of its own none is left")
        case "gone":
            return Stopped(True)
        case "absent" if who.boot:
            return Stopped(True)
        case "absent":
            return Stopped(False, "its processes were not seen; another machine may have answered")
        case "orphans":
            return Stopped(False, f"its first process has ended; others of its session go on: {numbers}")
        case "left":
            return Stopped(False, f"still running{', as another user' if told.denied else ''}: process {numbers}")
        case "elsewhere":
            return Stopped(False, "another machine has answered, or this one was started anew")
        case _:
            return Stopped(False, "this host shows no processes: it has no /proc, and no ps that lists them")


async def _told(pool: Pool, machine: Machine, who: Announced, sudo: Sudo | None) -> Said:
    """Over the kept connection; over another one when a host allows no second channel (MaxSessions 1), or when the kept
    one was lost or does not answer."""

    async def kept(line: str) -> Running:
        return await pool.start(machine, line, feed=True)

    async def as_root() -> Said | None:
        """The command has itself used sudo, so its user may: without a password or not at all."""
        try:
            return await _asked(kept, machine, who, Sudo())
        except (TimeoutError, errors.SourceError):
            return None

    try:
        return await _asked(kept, machine, who, sudo, as_root=as_root)
    except SudoRefused:
        raise
    except (TimeoutError, errors.SourceError):
        link = await pool.another(machine)
        try:
            return await _asked(lambda line: link.start(line, feed=True), machine, who, sudo, again=True)
        except NotSent as error:
            raise errors.Unreachable(f"{machine.where}: the connection was lost ({error})") from error
        finally:
            await link.close()


async def _asked(
    start: Starter, machine: Machine, who: Announced, sudo: Sudo | None, *,
    again: bool = False, as_root: Callable[[], Awaitable[Said | None]] | None = None,
) -> Said:  # fmt: skip
    """Raises TimeoutError when the host is not ready in time, and model.errors."""
    mark = secrets.token_hex(8)
    running: Running | None = None
    try:
        async with asyncio.timeout(None if again else READY_SECONDS):
            running = await _shell(start, machine, sudo)
            # sudo would stop itself with its command, and as another user than root we could not let it go on
            freeze = sudo is None or sudo.is_root
            running.write(script(who, mark, freeze=freeze, again=again, ask=sudo is None and as_root is not None))
            heard = bytearray()
            await _hear(running, heard, mark, words=1)
        ticking = asyncio.ensure_future(_tick(running))
        try:
            told = await _hear(running, heard, mark, words=2)
            if as_root is not None and told and told[-1].word == "denied":
                done = await as_root()
                if done is not None and done.word == "gone":
                    return done
                running.write(b"alone\n")
                told = await _hear(running, heard, mark, words=3)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EXIT_SECONDS):
                    await running.channel.over()
        finally:
            ticking.cancel()
    finally:
        if running is not None:
            running.close()
    if not told:
        raise errors.Unreachable(f"{machine.where} did not run the stop")
    if told[-1].word in ("ready", "denied"):
        raise errors.Unreachable(f"{machine.where}: the stop was cut short")
    return told[-1]


async def _shell(start: Starter, machine: Machine, sudo: Sudo | None) -> Running:
    """A plain shell that reads what it is to do."""
    if sudo is None:
        return await start("exec /bin/sh")
    door = Door(sudo, machine)
    running = await start(door.line("exec /bin/sh"))
    try:
        await door.enter(running)
    except BaseException:
        running.close()
        raise
    return running


async def _hear(running: Running, heard: bytearray, mark: str, *, words: int) -> list[Said]:
    """Until it has said so much, or says no more."""
    while len(told := said(bytes(heard), mark)) < words and len(heard) < SAID_BYTES:
        chunk = await running.channel.read()
        if chunk is None:
            break
        heard += b"" if chunk.stderr else chunk.data
    return told


async def _tick(running: Running) -> None:
    for seconds in itertools.chain(TICKS_SECONDS, itertools.repeat(TICKS_SECONDS[-1])):
        await asyncio.sleep(seconds)
        running.write(b"\n")
