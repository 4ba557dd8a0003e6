"""A session of a demo host that has a terminal: a shell on a pty, as sshd would give it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping

import asyncssh

CHUNK = 32 * 1024


async def on_terminal(
    process: asyncssh.SSHServerProcess[bytes], argv: list[str], home: str, environment: Mapping[str, str]
) -> None:
    """Run it to its end; a client that leaves ends it."""
    master, slave = os.openpty()
    try:
        _resize(master, *process.term_size[:2])
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=home,
            env={**environment, "TERM": process.term_type or "linux"},
            preexec_fn=lambda: os.login_tty(slave),
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(slave)
    try:
        showing = asyncio.create_task(_show(master, process))
        typing = asyncio.create_task(_type(master, process))
        try:
            code = await child.wait()
            await asyncio.wait([showing], timeout=1.0)
        finally:
            for task in (showing, typing):
                task.cancel()
            await asyncio.gather(showing, typing, return_exceptions=True)
        process.exit(code if code >= 0 else 128 - code)
    finally:
        os.close(master)
        await end_all(child)


async def _show(master: int, process: asyncssh.SSHServerProcess[bytes]) -> None:
    while True:
        await _readable(master)
        try:
            data = os.read(master, CHUNK)
        except OSError:  # a pty whose other side is closed: EIO
            return
        process.stdout.write(data)
        await process.stdout.drain()


async def _readable(descriptor: int) -> None:
    """Wait until a read does not block. The loop may tell of the same bytes twice, so each wait listens for itself."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _type(master: int, process: asyncssh.SSHServerProcess[bytes]) -> None:
    while True:
        try:
            data = await process.stdin.read(CHUNK)
        except asyncssh.TerminalSizeChanged as changed:
            _resize(master, changed.width, changed.height)
            continue
        except (asyncssh.BreakReceived, asyncssh.SignalReceived):
            continue
        if not data:
            return
        await asyncio.to_thread(os.write, master, data)


def _resize(master: int, columns: int, rows: int) -> None:
    with contextlib.suppress(OSError, struct.error):
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows or 24, columns or 80, 0, 0))


def signal_all(child: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


async def end_all(child: asyncio.subprocess.Process) -> None:
    """Whatever of its group is left: first asked, then made to end."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.returncode is not None:
            return
        signal_all(child, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await child.wait()
