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
    still written. `env` holds the cookie. Raises Lost and OSError (of `write`, too), with the tree killed.
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
        hearing = asyncio.create_task(_hear(ours, env.get(COOKIE, "")))
        reading = asyncio.create_task(_pump(process.stdout, write, ours))
        both = {hearing, reading}
        try:
            await asyncio.wait(both)
        except asyncio.CancelledError:
            _order(ours, b"T")
            await asyncio.wait(both, timeout=grace_seconds)
            raise
        finally:
            _order(ours, b"K")
            _, stuck = await asyncio.wait(both, timeout=SWEEP_SECONDS)
            for task in stuck:
                task.cancel()
            await asyncio.wait(both)
            if not stuck:
                await process.wait()
        reading.result()
        return hearing.result()


async def _pump(stdout: asyncio.StreamReader, write: Callable[[bytes], Awaitable[None]], line: socket.socket) -> None:
    """When it cannot be written any more, the tree is killed and the rest goes nowhere."""
    failure: OSError | None = None
    while data := await stdout.read(CHUNK):
        if failure is None:
            try:
                await write(data)
            except OSError as error:
                failure = error
                _order(line, b"K")
    if failure is not None:
        raise failure


def _order(line: socket.socket, word: bytes) -> None:
    try:
        line.send(word)
    except OSError:
        return


async def _hear(line: socket.socket, cookie: str) -> Ended:
    """The supervisor's verdict. Without one its tree is killed here: it also holds the output open."""
    try:
        said = await asyncio.get_running_loop().sock_recv(line, 64)
    except OSError:
        said = b""
    word, _, number = said.decode("ascii").partition(" ")
    match word:
        case "exit":
            return Ended(code=int(number))
        case "signal":
            return Ended(signal=int(number))
        case _:
            await sweep(cookie)
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
