"""A /bin/sh on a host that is told what to do over its input, and cleans up when that ends, however it ends."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from cockpit.fleet.engine.link import Chunk
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import Remote, sent, unbroken
from cockpit.fleet.files.scripts import PRELUDE, quoted
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.tasks.action import CancelUnconfirmed

SAID_BYTES = 64 * 1024
"""Of an answer that is kept in memory, and of the complaints on stderr."""
CLEAN_SECONDS = 10.0
"""For a shell to clean up after its input has ended; then it is stopped."""


class Shell:
    """One conversation; one question at a time."""

    def __init__(self, remote: Remote, machine: Machine) -> None:
        self.remote = remote
        self._machine = machine
        self._mark = secrets.token_hex(8).encode()
        self._became = False
        """It is another program now, which holds nothing: it need not be waited for."""
        self._first: Chunk | None = None
        """What came from the program that it became, together with the word that it was about to."""

    async def ask(self, script: bytes, sink: Callable[[bytes], Awaitable[None]] | None = None) -> bytes:
        """Run a script and give what it said; with `sink` that is told as it comes, and nothing is given.

        Raises errors.Refused with its first complaint when it fails, Unreachable when the shell is gone.
        """
        mark = self._mark
        self.remote.write(b"{ %s\n} </dev/null; printf '\\n%s %%d\\n' $?; echo %s >&2\n" % (script, mark, mark))
        end = re.compile(rb"\n" + mark + rb" (\d+)\n")
        held, kept, complaints = bytearray(), bytearray(), Complaints()
        status = None
        while status is None or mark not in complaints.said:
            chunk = await self.remote.read()
            if chunk is None:
                raise self.gone(complaints)
            if chunk.stderr:
                complaints.add(chunk.data)
                continue
            held += chunk.data
            found = end.search(held)
            if found is not None:
                status = int(found[1])
                del held[found.start() :]
            ready = len(held) if found is not None else max(0, len(held) - len(mark) - 8)
            data = bytes(held[:ready])
            del held[:ready]
            if sink is not None:
                await sink(data)
            elif len(kept) < SAID_BYTES:
                kept += data
        if status:
            complaints.forget(mark)
            raise errors.Refused(f"{self._machine.where}: {complaints.first or f'exit status {status}'}")
        return bytes(kept)

    async def become(self, folder: bytes, program: bytes) -> None:
        """Be replaced by a program in that folder; what is written from now on is its input.

        Raises errors.Unreachable when it did not come to that.
        """
        mark = self._mark
        self._became = True
        self.remote.write(b"{ cd %s && echo %s && exec %s\n}\n" % (quoted(folder), mark, program))
        said, complaints = b"", Complaints()
        while mark + b"\n" not in said:
            chunk = await self.remote.read()
            if chunk is None:
                raise self.gone(complaints)
            if chunk.stderr:
                complaints.add(chunk.data)
            else:
                said = said[-SAID_BYTES:] + chunk.data
        rest = said.partition(mark + b"\n")[2]
        self._first = Chunk(rest) if rest else None

    async def read(self) -> Chunk | None:
        """Output of the program that it became; None at its end."""
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        return await self.remote.read()

    def gone(self, complaints: Complaints) -> errors.Unreachable:
        """Why nothing more comes."""
        ending = self.remote.ending
        if ending.known:
            complaints.forget(self._mark)
            why = complaints.first or f"its shell has ended ({ending.signal or ending.status})"
        else:
            why = f"the connection was lost ({ending.lost})"
        return errors.Unreachable(f"{self._machine.where}: {why}")

    def failed(self, complaints: Complaints) -> errors.SourceError:
        """Why what it became did not succeed."""
        ending = self.remote.ending
        if not ending.known:
            return self.gone(complaints)
        how = f"ended by SIG{ending.signal}" if ending.signal else f"exit status {ending.status}"
        full = "the disk there is full: " if complaints.full else ""
        return errors.Refused(f"{self._machine.where}: {full}{complaints.first or how}")

    async def close(self) -> None:
        """End its input and wait until it has cleaned up; a program that it became is stopped.

        Raises CancelUnconfirmed when that is not certain.
        """
        await unbroken(self._close())

    async def _close(self) -> None:
        self.remote.eof()
        try:
            async with asyncio.timeout(0 if self._became else CLEAN_SECONDS):
                while await self.remote.read() is not None:
                    pass
        except TimeoutError:
            pass
        if not self.remote.ending.known and not self.remote.ending.lost:
            stopped = await self.remote.stop()
            if not stopped.confirmed:
                raise CancelUnconfirmed(f"{self._machine.where}: {stopped.why}")


class Complaints:
    """What came on stderr: its head and its end."""

    def __init__(self) -> None:
        self.said = bytearray()

    def add(self, data: bytes) -> None:
        self.said += data
        if len(self.said) > SAID_BYTES:
            del self.said[SAID_BYTES // 2 : -SAID_BYTES // 4]

    def forget(self, mark: bytes) -> None:
        """The mark is not a complaint."""
        self.said = bytearray(self.said.replace(mark + b"\n", b""))

    @property
    def full(self) -> bool:
        """There is no room for what is written: the last words are those of GNU tar for a write that was cut short."""
        return any(words in self.said for words in (b"No space left", b"quota exceeded", b"Wrote only"))

    @property
    def first(self) -> str:
        """The first line, as a message has it; that a clock is behind (tar) is no reason for anything."""
        lines = [line for line in bytes(self.said).split(b"\n") if line.strip() and b"time stamp" not in line]
        return lines[0].decode("utf-8", "backslashreplace")[:400] if lines else ""


@asynccontextmanager
async def shell(pool: Pool, machine: Machine) -> AsyncIterator[Shell]:
    """A shell with the functions of scripts.PRELUDE. Raises what `sent` does, and CancelUnconfirmed at the end.

    UnknownOutcome is not among it: a shell that was told nothing has done nothing.
    """
    async with AsyncExitStack() as stack:
        try:
            remote = await stack.enter_async_context(sent(pool, machine, "exec /bin/sh -s", feed=True))
        except errors.UnknownOutcome as error:
            raise errors.Unreachable(str(error)) from error
        started = Shell(remote, machine)
        try:
            remote.write(PRELUDE)
            yield started
        finally:
            await started.close()
