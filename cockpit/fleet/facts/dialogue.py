"""A shell on a host that is kept and answers one small question after another: no login and no new shell for each.

The loop on the host reads a line "MARK QUESTION WORDS" and answers between "MARK begin" and "MARK end". Each question
has a mark of its own, so that noise, an echo of it, and an answer that comes too late are told from its answer.
The loop ends with its input: when we go away, however that happens, nothing is left behind.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cockpit.fleet.engine.link import Running
from cockpit.fleet.engine.pool import CHANNELS, Pool
from cockpit.fleet.facts.posix import command_line
from cockpit.fleet.machine import Machine
from cockpit.model import errors

MOST_BYTES = 256 * 1024
"""Of one answer, and of the noise before it."""
SAID_BYTES = 512
"""Of what a host says instead of answering."""
FREE_SECONDS = 20.0
"""For one of the host's channels to get free."""
END_SECONDS = 0.5
"""For a loop to end with its input; it ends by itself where we do not wait for that."""

_PROLOGUE = """
: the questions of cockpit
exec 2>/dev/null
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
read -r own </proc/$$/stat
set -- ${own##*) }
own=$4 limit= ready=
"""
"""What every loop begins with. `own` is its session (proc(5)), whose processes are ours."""
PREPARE = """
prepare() {
  [ "$ready" ] && return
  ready=1
  timeout 2 true && limit="timeout 5"
  page=$(getconf PAGESIZE || echo 4096)
  tick=$(getconf CLK_TCK || echo 100)
}
"""
"""Run before the first dear question. `$limit` goes before what might hang; a busybox before 1.30 has another
`timeout`, which is then not used."""


def loop(*functions: str, answers: str) -> str:
    """A script: `answers` are the branches of a `case` on the question, which may use $mark and $words."""
    asked = f"while read -r mark question words; do case $question in {answers} esac; done"
    return "\n".join((_PROLOGUE, *functions, asked))


class Late(errors.Unreachable):
    """No answer in time. The next question may be answered all the same."""


class NoShell(errors.Refused):
    """The host lets us in and runs something else than a shell: git-shell, nologin, a forced command."""


class GaveWay(errors.Unreachable):
    """Its channel went to a command that somebody waits for."""


class Dialogue:
    """An open loop. One question at a time."""

    def __init__(self, running: Running, where: str) -> None:
        self._running = running
        self._where = where
        self._answered = False
        self._said = bytearray()
        self._gave_way = False

    def give_way(self) -> None:
        """Close it now; what is asked from then on raises GaveWay."""
        self._gave_way = True
        self._running.close()

    async def ask(self, question: str, *, seconds: float, most_bytes: int = MOST_BYTES) -> bytes:
        """The answer, as the host gave it.

        Raises Late, NoShell, GaveWay, errors.Unreachable when the connection or the loop is gone, errors.Malformed for
        an answer that is too long.
        """
        mark = secrets.token_hex(8)
        self._running.write(f"{mark} {question}\n".encode())
        try:
            async with asyncio.timeout(seconds):
                return await self._answer(mark.encode(), most_bytes)
        except TimeoutError as error:
            said = "" if self._answered or not self._said else f"; it said {self._words()!r}"
            raise Late(f"{self._where} gave no answer within {seconds:g} s{said}") from error

    async def _answer(self, mark: bytes, most_bytes: int) -> bytes:
        begin, end = mark + b" begin", mark + b" end"
        channel = self._running.channel
        held = bytearray()
        start = -1
        while (chunk := await channel.read()) is not None:
            if not self._answered:
                self._said += chunk.data[: SAID_BYTES - len(self._said)]
            if chunk.stderr:
                continue
            place = max(0, len(held) - len(begin))
            held += chunk.data
            if start < 0 and (start := held.find(begin, place)) < 0:
                del held[: -len(begin)]
                continue
            stop = held.find(end, max(start, place))
            if stop >= 0:
                self._answered = True
                return bytes(held[start + len(begin) : stop])
            if len(held) > most_bytes:
                raise errors.Malformed(f"{self._where} gave an answer of more than {most_bytes // 1024} KiB")
        raise self._over()

    def _over(self) -> errors.SourceError:
        ending = self._running.channel.ending
        if self._gave_way:
            return GaveWay(f"{self._where} allows too few sessions at once (MaxSessions): a command has this one's now")
        if not ending.known:
            return errors.Unreachable(f"{self._where}: {ending.lost}")
        if not self._answered:
            return self._no_shell()
        how = f"by signal {ending.signal}" if ending.signal else f"with status {ending.status}"
        return errors.Unreachable(f"{self._where}: the shell that answers was ended {how}")

    def _no_shell(self) -> NoShell:
        ending = self._running.channel.ending
        status = f" and ended with status {ending.status}" if ending.status is not None else ""
        said = f"said {self._words()!r}" if self._said else "said nothing"
        return NoShell(f"{self._where} lets this user in but gives no shell: it {said}{status}")

    def _words(self) -> str:
        return " ".join(self._said.decode("utf-8", "replace").split())[:120]


@asynccontextmanager
async def dialogue(pool: Pool, machine: Machine, script: str, *, ask: bool) -> AsyncIterator[Dialogue]:
    """A loop on the machine, see `loop`; it holds one of the channels of the machine's connection.

    `ask`: somebody waits for it, and may be asked about an unknown host key.
    Raises errors.Unreachable, Denied and Refused.
    """
    channels = pool.channels(machine)
    try:
        async with asyncio.timeout(FREE_SECONDS):
            await channels.acquire()
    except TimeoutError as error:
        busy = f"{machine.where} is busy with {CHANNELS} commands of yours; wait for one to end or cancel one"
        raise errors.Unreachable(busy) from error
    try:
        running = await _started(pool, machine, script, ask)
        opened = Dialogue(running, machine.where)
        try:
            with pool.guest(machine, opened.give_way):
                yield opened
        finally:
            await _ended(running)
    finally:
        channels.release()


async def _started(pool: Pool, machine: Machine, script: str, ask: bool) -> Running:
    try:
        return await pool.start(machine, command_line(script), feed=True, ask=ask)
    except errors.UnknownOutcome as error:
        raise errors.Unreachable(str(error)) from error


async def _ended(running: Running) -> None:
    running.eof()
    try:
        async with asyncio.timeout(END_SECONDS):
            await running.channel.over()
    except TimeoutError:
        pass
    finally:
        running.close()
