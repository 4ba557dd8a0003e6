"""What stands for the inside of a container: a private folder and this machine's own programs. A toy, not a container.

Commands run as the user who runs the simulator, with a HOME and a working folder of their own and nothing else kept
from them. Each is a session of its own, and all of it is ended with its client.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import struct
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
END_SECONDS = 1.0


class Containers:
    """The folders of all containers; they go with `close`."""

    def __init__(self) -> None:
        self._root: Path | None = None

    def folder(self, uid: str, container: str) -> Path:
        """Made when it is first needed: what one command leaves there the next one finds."""
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="cockpit-containers-"))
        folder = self._root / uid / container
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def forget(self, uid: str) -> None:
        if self._root is not None:
            shutil.rmtree(self._root / uid, ignore_errors=True)

    def close(self) -> None:
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None


def environment(pod: str, folder: Path) -> dict[str, str]:
    home = str(folder)
    return {"HOME": home, "HOSTNAME": pod, "PATH": PATH, "LANG": "C.UTF-8", "TMPDIR": home, "PS1": f"{pod}:$ "}


class Running:
    """A command in a container, on pipes or on a terminal. `input`, `output` and `errors` are file descriptors."""

    def __init__(self, child: asyncio.subprocess.Process, input: int, output: int, errors: int | None) -> None:
        self.child, self.input, self.output, self.errors = child, input, output, errors
        self._terminal = input == output

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal:
            with contextlib.suppress(OSError, struct.error):
                fcntl.ioctl(self.output, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close_input(self) -> None:
        """Pipes only: a terminal is closed as a whole."""
        if not self._terminal and self.input >= 0:
            os.close(self.input)
            self.input = -1

    def signal(self, number: signal.Signals) -> None:
        """To all of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)

    async def end(self) -> int:
        """The exit code (128 and the signal's number where one ended it), once nothing of it runs any more."""
        for number in (signal.SIGHUP, signal.SIGKILL):
            self.signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS):
                    await self.child.wait()
        self.close_input()
        for descriptor in {self.output, self.errors}:
            if descriptor is not None:
                os.close(descriptor)
        return self.code()

    def code(self) -> int:
        code = self.child.returncode
        return 128 - code if code is not None and code < 0 else code or 0


async def started(command: Sequence[str], pod: str, folder: Path, *, tty: bool) -> Running:
    """Raises OSError when there is no such program."""
    env = environment(pod, folder)
    if shutil.which(command[0], path=PATH) is None:
        raise FileNotFoundError(command[0])
    if tty:
        master, slave = os.openpty()
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=folder,
                env={**env, "TERM": "xterm"},
                preexec_fn=lambda: os.login_tty(slave),
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        os.set_blocking(master, False)
        return Running(child, master, master, None)
    pipes = [os.pipe() for _ in range(3)]
    (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = pipes
    try:
        child = await asyncio.create_subprocess_exec(
            *command, stdin=stdin, stdout=stdout, stderr=stderr, cwd=folder, env=env, start_new_session=True
        )
    except BaseException:
        for descriptor in (to_stdin, from_stdout, from_stderr):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
    for descriptor in (to_stdin, from_stdout, from_stderr):
        os.set_blocking(descriptor, False)
    return Running(child, to_stdin, from_stdout, from_stderr)


async def read(descriptor: int, most: int) -> bytes:
    """What is there, once something is; b"" at the end."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return os.read(descriptor, most)
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_reader(descriptor, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(descriptor)
        except OSError:  # a terminal whose other side is closed: EIO
            return b""


async def write(descriptor: int, data: bytes) -> None:
    """All of it. Raises OSError when nobody reads it any more."""
    loop = asyncio.get_running_loop()
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            ready = asyncio.Event()
            loop.add_writer(descriptor, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_writer(descriptor)
