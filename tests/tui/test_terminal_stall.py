"""A terminal that stops reading, or is gone, stops painting and nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

BUSY = ("--rate", "4000", "--visible", "40")
EXIT_SECONDS = 2.0


@pytest.fixture
def stalled(table_terminal: Callable[..., Any]) -> Any:
    """The app repaints the whole view ten times a second for a reader that has stopped."""
    terminal = table_terminal(*BUSY)
    terminal.stop_reading()
    terminal.until(lambda: terminal.status().get("held"), "painting held back")
    return terminal


def test_the_loop_goes_on(stalled: Any) -> None:
    before = stalled.status()
    stalled.until(lambda: stalled.status()["turns"] > before["turns"] + 50, "the loop turning")
    after = stalled.status()
    assert after["held"]
    assert after["count"] > before["count"]
    assert after["gap"] < 1.0


def test_the_newest_state_is_painted_on_resume(stalled: Any) -> None:
    count = stalled.status()["count"]
    stalled.until(lambda: stalled.status()["count"] > count + 5, "updates")
    newest, seen = stalled.status()["count"], len(stalled.output)
    stalled.read_again()
    stalled.until(
        lambda: any(b"c%05d" % n in stalled.output[seen:] for n in range(newest, newest + 300)), "the newest state"
    )
    stalled.until(lambda: not stalled.status()["held"], "painting resumed")


def test_a_resize_while_stalled_is_painted_on_resume(stalled: Any) -> None:
    stalled.resize(100, 30)
    turns = stalled.status()["turns"]
    stalled.until(lambda: stalled.status()["turns"] > turns + 30, "the loop turning")
    seen = len(stalled.output)
    stalled.read_again()
    # 28 rows below the header: all of them come anew, at the new width.
    stalled.until(lambda: b"service-000027" in stalled.output[seen:], "the last row of the smaller view")
    stalled.until(lambda: b"NAMESPACE" in stalled.output[seen:], "the header")


def test_q_leaves_in_time(stalled: Any) -> None:
    started = time.monotonic()
    stalled.type("q")
    assert stalled.ended_after(started) < EXIT_SECONDS
    assert stalled.process.returncode == 0
    # The user's terminal is put back although it had not read for long.
    stalled.read_again()
    stalled.shows("\x1b[?1049l")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_in_time(stalled: Any, number: signal.Signals) -> None:
    started = time.monotonic()
    stalled.process.send_signal(number)
    assert stalled.ended_after(started) < EXIT_SECONDS
    assert stalled.process.returncode == 0


@pytest.mark.parametrize("options", [BUSY, ()])
def test_a_broken_connection_ends_it(table_terminal: Callable[..., Any], options: tuple[str, ...]) -> None:
    terminal = table_terminal(*options)
    started = time.monotonic()
    terminal.hang_up()
    assert terminal.ended_after(started) < EXIT_SECONDS
    assert terminal.process.returncode == 0


def test_lending_the_terminal_under_updates(table_terminal: Callable[..., Any]) -> None:
    """`suspend()` under updates filled the queue of a writer that had ended, and the loop stood still."""
    terminal = table_terminal(*BUSY)
    for _ in range(3):
        seen = len(terminal.output)
        terminal.type("s")
        terminal.until(lambda seen=seen: b"\x1b[?1049l" in terminal.output[seen:], "the screen given back")
        terminal.until(lambda seen=seen: b"\x1b[?1049h" in terminal.output[seen:], "the screen taken again")
        count, seen = terminal.status()["count"], len(terminal.output)
        terminal.until(
            lambda seen=seen, count=count: any(
                b"c%05d" % n in terminal.output[seen:] for n in range(count, count + 99)
            ),
            "the newest state",
        )
    assert terminal.status()["gap"] < 1.0


def test_stopped_and_continued_it_repaints(table_terminal: Callable[..., Any]) -> None:
    terminal = table_terminal()
    seen = terminal.quiet()
    terminal.process.send_signal(signal.SIGTSTP)
    terminal.until(lambda: b"\x1b[?1049l" in terminal.output[seen:], "the screen given back")
    terminal.process.send_signal(signal.SIGCONT)
    terminal.until(lambda: b"service-000020" in terminal.output[seen:], "the table")


def test_the_screen_equals_a_full_repaint(need: Callable[[str, str], str], table_app: str, tmp_path: Any) -> None:
    """tmux disagrees with rich on the width of some characters; no partial repaint may leave debris."""
    tmux = [need("tmux", "apt-get install tmux"), "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    status = tmp_path / "status.json"

    def run(*arguments: str) -> str:
        return subprocess.run([*tmux, *arguments], check=True, capture_output=True, text=True).stdout

    def screen() -> str:
        return run("capture-pane", "-p", "-t", "t")

    def settled(holds: Callable[[str], bool]) -> str:
        deadline, last = time.monotonic() + 30, ""
        while True:
            now = screen()
            if now == last and holds(now):
                return now
            assert time.monotonic() < deadline, f"never settled:\n{now}"
            last = now
            time.sleep(0.1)

    run("new-session", "-d", "-s", "t", "-x", "120", "-y", "40", sys.executable, table_app, str(status))
    try:
        settled(lambda text: "service-000010" in text)
        for keys in ("5", "xxx", "jjjxx", "xxjxk", "xxxxx"):
            for key in keys:
                run("send-keys", "-t", "t", key)
            painted = settled(lambda text: "NAMESPACE" in text)
            run("send-keys", "-t", "t", "r")
            time.sleep(0.3)
            assert settled(lambda text: "NAMESPACE" in text) == painted
    finally:
        run("kill-server")
