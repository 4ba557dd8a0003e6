"""A program on a real pty, with a reader that can stop reading. Used by the tests and by tests/bench."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WAIT_SECONDS = 60.0


class Terminal:
    """`status` is the JSON that the program writes to the file it is given as its last argument."""

    def __init__(self, arguments: list[str], folder: Path, *, columns: int = 160, lines: int = 45) -> None:
        self._status = folder / "status.json"
        self._master, slave = os.openpty()
        self.resize(columns, lines)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        for name in ("NO_COLOR", "TMUX", "STY", "COLUMNS", "LINES"):
            environment.pop(name, None)
        if "--stock" not in arguments:
            environment["COLUMNS"] = "80"  # the terminal's own size counts; textual's driver follows the variable
        self.process = subprocess.Popen(
            [sys.executable, *arguments, str(self._status)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            preexec_fn=lambda: os.login_tty(slave),
            close_fds=True,
        )
        os.close(slave)
        self.output = bytearray()
        self._reading = threading.Event()
        self._reading.set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._ended.is_set():
            self._reading.wait()
            if not select.select([self._master], [], [], 0.05)[0] or not self._reading.is_set():
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self.output += data

    def stop_reading(self) -> None:
        self._reading.clear()

    def read_again(self) -> None:
        self._reading.set()

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def status(self) -> dict[str, Any]:
        try:
            return json.loads(self._status.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline, ended = time.monotonic() + WAIT_SECONDS, 0.0
        while not holds():
            if self.process.poll() is not None:  # what it has written is still to be read
                ended = ended or time.monotonic()
                deadline = min(deadline, ended + 2)
            if time.monotonic() > deadline:
                raise AssertionError(f"not seen: {what}; status {self.status()}; tail {bytes(self.output[-400:])!r}")
            time.sleep(0.01)

    def shows(self, text: str) -> None:
        self.until(lambda: text.encode() in self.output, text)

    def quiet(self, seconds: float = 0.25) -> int:
        """Wait until nothing has come for so long; the bytes there are."""
        count, since = len(self.output), time.monotonic()
        while time.monotonic() - since < seconds:
            time.sleep(0.01)
            if len(self.output) != count:
                count, since = len(self.output), time.monotonic()
        return count

    def caused(self, keys: str) -> bytes:
        """The bytes that the program sends for these keys."""
        before = self.quiet()
        self.type(keys)
        self.until(lambda: len(self.output) > before, f"an answer to {keys!r}")
        self.quiet()
        return bytes(self.output[before:])

    def ended_after(self, since: float) -> float:
        """Seconds from `since` to the end of the program."""
        self.process.wait(WAIT_SECONDS)
        return time.monotonic() - since

    def hang_up(self) -> None:
        """As when the connection breaks: the terminal is gone."""
        self.stop_reading()
        self._ended.set()
        self._reading.set()
        self._thread.join(5)
        os.close(self._master)
        self._master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self._master >= 0:
            self.hang_up()
