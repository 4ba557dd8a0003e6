"""One command of a run, with its whole tree in hand: it ends when it is told to, and nothing outlives it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

SUPERVISOR = Path(__file__).with_name("supervisor.py")
COOKIE = "COCKPIT_COOKIE"
"""Environment variable that marks the processes of an attempt."""
CHUNK = 65536
SWEEP_SECONDS = 5.0


class Ended(Struct, frozen=True):
    """How a command ended by itself: `code` is its exit code, or `signal` the one that killed it."""

    code: int = 0
    signal: int = 0

    @property
    def ok(self) -> bool:
        return not self.code and not self.signal

    @property
    def reason(self) -> str:
        if self.signal:
            try:
                return f"killed by {signal.Signals(self.signal).name}"
            except ValueError:
                return f"killed by signal {self.signal}"
        return f"exit code {self.code}" if self.code else ""


class Lost(Exception):
    """The supervisor ended without a verdict: something killed it."""


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    write: Callable[[bytes], Awaitable[None]],
    grace_seconds: float,
) -> Ended:
    """Run a command to its end, its output to `write` as it comes.

    Cancelled (a time-out is a cancel too), the tree gets SIGTERM, `grace_seconds`, SIGKILL, and its last output is
    still written. Raises Lost, OSError, and what `write` raises, with the tree killed.
    """
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(SUPERVISOR), str(theirs.fileno()), *argv),
                cwd=cwd,
                env=dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        assert process.stdout is not None
        over = asyncio.create_task(_pump(process, process.stdout, write))
        try:
            await asyncio.shield(over)
        except asyncio.CancelledError:
            _order(ours, b"T")
            await asyncio.wait({over}, timeout=grace_seconds)
            raise
        finally:
            _order(ours, b"K")
            if not over.done():
                await asyncio.wait({over}, timeout=SWEEP_SECONDS)
            over.cancel()
            await process.wait()
        return _verdict(ours)


async def _pump(
    process: asyncio.subprocess.Process, stdout: asyncio.StreamReader, write: Callable[[bytes], Awaitable[None]]
) -> None:
    while data := await stdout.read(CHUNK):
        await write(data)
    await process.wait()


def _order(line: socket.socket, word: bytes) -> None:
    try:
        line.send(word)
    except OSError:
        return


def _verdict(line: socket.socket) -> Ended:
    try:
        word, _, number = line.recv(64).decode("ascii").partition(" ")
    except OSError:
        word, number = "", ""
    match word:
        case "exit":
            return Ended(code=int(number))
        case "signal":
            return Ended(signal=int(number))
        case _:
            raise Lost("the step killed its supervisor")


def marked(cookie: str) -> list[int]:
    """Processes whose environment carries the cookie (proc(5)): those of a server that was killed, too."""
    needle = f"{COOKIE}={cookie}".encode()
    found = []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if needle in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


async def sweep(cookie: str) -> bool:
    """Kill what an attempt left behind. False when something would not go within five seconds."""
    deadline = asyncio.get_running_loop().time() + SWEEP_SECONDS
    while left := await asyncio.to_thread(marked, cookie):
        if asyncio.get_running_loop().time() > deadline:
            return False
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        await asyncio.sleep(0.01)
    return True
