"""Leaving on a real terminal: keys, signals, a defect, a terminal that does not read."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator
from fcntl import ioctl
from pathlib import Path
from struct import pack

import pytest

from cockpit.tasks.manager import TaskManager

PATIENCE_SECONDS = 30.0
PROGRAM = Path(__file__).with_name("pty_app.py")
LEFT = b"\x1b[?1049l"
"""Back from the alternate screen."""


class Terminal:
    def __init__(self, wish: str, folder: Path, **environment: str) -> None:
        variables = {
            **os.environ,
            "TERM": "xterm-256color",
            "HOME": str(folder),
            "COCKPIT_STATE_DIR": str(folder / "state"),
            **environment,
        }
        for name in ("TMUX", "STY", *(() if "NO_COLOR" in environment else ("NO_COLOR",))):
            variables.pop(name, None)
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.execve(sys.executable, [sys.executable, str(PROGRAM), wish], variables)
        ioctl(self.terminal, termios.TIOCSWINSZ, pack("HHHH", 30, 130, 0, 0))
        self.seen = b""
        self.code: int | None = None

    def read(self, seconds: float = 0.1) -> None:
        if select.select([self.terminal], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.terminal, 65536)
            except OSError:
                time.sleep(seconds)

    def shows(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text.encode() not in self.seen:
            assert time.monotonic() < deadline, f"never showed {text!r}: {self.seen[-2000:]!r}"
            self.read()

    def ended(self, *, reading: bool = True) -> float:
        """Seconds until the program has ended."""
        started = time.monotonic()
        while self.code is None:
            assert time.monotonic() - started < PATIENCE_SECONDS, "it does not end"
            if reading:
                self.read(0.02)
            else:
                time.sleep(0.02)
            child, status = os.waitpid(self.child, os.WNOHANG)
            if child:
                self.code = os.waitstatus_to_exitcode(status)
        taken = time.monotonic() - started
        while reading and select.select([self.terminal], [], [], 0)[0]:
            try:
                self.seen += os.read(self.terminal, 65536)
            except OSError:
                break
        return taken

    def close(self) -> None:
        if self.code is None:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        os.close(self.terminal)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(wish: str = "", **environment: str) -> Terminal:
        started.append(Terminal(wish, tmp_path, **environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_q_leaves_and_restores_the_terminal(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    shown = terminal()
    shown.shows("unconfigured")
    os.write(shown.terminal, b"2q")
    assert shown.ended() < 5
    assert shown.code == 0
    assert LEFT in shown.seen
    assert '"current": "pods"' in (tmp_path / "state" / "layout.json").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_within_two_seconds(terminal: Callable[..., Terminal], number: signal.Signals) -> None:
    shown = terminal()
    shown.shows("unconfigured")
    os.kill(shown.child, number)
    assert shown.ended() < 2.5
    assert shown.code == 0


def test_a_signal_stops_the_running_task_first(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    shown = terminal("task")
    shown.shows("1 task running")
    os.kill(shown.child, signal.SIGTERM)
    assert shown.ended() < 4
    assert _states(tmp_path) == ["cancelled"]


def test_a_task_that_needs_its_time_gets_it(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    shown = terminal("stubborn")
    shown.shows("1 task running")
    os.kill(shown.child, signal.SIGHUP)
    shown.ended()
    assert _states(tmp_path) == ["cancelled"]


def test_a_terminal_that_was_lent_for_what_failed_comes_back(terminal: Callable[..., Terminal]) -> None:
    """textual's `suspend` alone left it with a dead screen and no keys."""
    app = terminal("lent")
    app.shows("mine for a while")
    app.seen = app.seen.partition(b"mine for a while")[2]
    app.shows("\x1b[?1049h")
    app.shows("it went wrong")
    os.write(app.terminal, b"q")
    app.ended()
    assert app.code == 0


def test_a_terminal_that_does_not_read_does_not_hold_the_exit(terminal: Callable[..., Terminal]) -> None:
    shown = terminal()
    shown.shows("unconfigured")
    for _ in range(40):
        os.write(shown.terminal, b"12")
    os.kill(shown.child, signal.SIGTERM)
    assert shown.ended(reading=False) < 4


def test_a_defect_is_one_line_and_the_log_has_the_rest(terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    shown = terminal("crash")
    shown.ended()
    assert shown.code == 1
    after = shown.seen.rpartition(LEFT)[2]
    assert b"cockpit has crashed: ZeroDivisionError" in after
    assert b"Traceback" not in after and b"s3cr3t" not in shown.seen
    assert "Traceback" in (tmp_path / "state" / "cockpit.log").read_text()


def test_no_color_sends_no_colour(terminal: Callable[..., Terminal]) -> None:
    shown = terminal(NO_COLOR="1")
    shown.shows("unconfigured")
    os.write(shown.terminal, b"q")
    shown.ended()
    coloured = {
        piece
        for piece in shown.seen.split(b"\x1b[")
        if piece.startswith((b"38;2;", b"48;2;")) and len(set(piece.split(b"m")[0].split(b";")[2:5])) > 1
    }
    assert not coloured


def _states(folder: Path) -> list[str]:
    """Of the tasks in the journal."""

    async def read() -> list[str]:
        async with TaskManager.open(folder / "state") as tasks:
            await tasks.loaded()
            return [record.state.value for record in tasks.records.values()]

    return asyncio.run(read())
