"""`cockpit fleet shell` on a real terminal, and shells on several real hosts with the same keys."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import Settings
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.shell.actions import shells_job
from cockpit.fleet.shell.shells import Shells
from cockpit.model import errors
from cockpit.tui.screens.shells import LEAD
from cockpit.tui.shells_app import ShellsApp


class Pty:
    """A program on a terminal of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._master, slave = os.openpty()
        self.resize(100, 30)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cockpit", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, "TERM": "xterm-256color"},
            preexec_fn=lambda: os.login_tty(slave),
            close_fds=True,
        )
        self.mode = termios.tcgetattr(slave)
        self._slave = slave
        self.seen = bytearray()

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def shows(self, pattern: str) -> None:
        deadline = time.monotonic() + 40
        while not re.search(pattern.encode(), self.seen):
            assert time.monotonic() < deadline, f"never came: {pattern}\n{self.seen.decode(errors='replace')}"
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self._master, 65536)
                except OSError:
                    continue

    def end(self) -> int:
        code = self.process.wait(40)
        assert termios.tcgetattr(self._slave)[:4] == self.mode[:4], "the terminal is not as it was"
        return code

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def shell(tmp_path: Path, sshd: Any) -> Iterator[Callable[..., Pty]]:
    """`shell("web1")` runs `cockpit fleet shell web1` on a terminal."""
    config = tmp_path / "cockpit.toml"
    login = f'identity = "{sshd.identity}"\nknown_hosts = "{sshd.known_hosts}"\nport = {sshd.port}\n'
    config.write_text(
        "".join(
            f'[[fleet.hosts]]\nname = "{name}"\naddress = "127.0.0.1"\n{login}{more}'
            for name, more in (
                ("web1", ""),
                ("web2", ""),
                ("prod1", "production = true\n"),
                ("locked", "read_only = true\n"),
            )
        )
        + '[[fleet.hosts]]\nname = "here"\ntransport = "local"\n'
    )
    environment = {**os.environ, "COCKPIT_CONFIG": str(config), "COCKPIT_STATE_DIR": str(tmp_path / "state")}
    environment.pop("COLUMNS", None)
    environment.pop("LINES", None)
    started: list[Pty] = []

    def start(*arguments: str) -> Pty:
        started.append(Pty(["fleet", "shell", *arguments], environment))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.mark.usefixtures("terminals")
def test_a_shell_has_the_terminal_its_size_and_its_exit_code(shell: Callable[..., Pty]) -> None:
    pty = shell("web1")
    pty.type("echo size $(stty size)\r")
    pty.shows("size 30 100\r\n")
    pty.resize(120, 40)
    pty.type("echo now $(stty size)\r")
    pty.shows("now 40 120\r\n")
    pty.type("echo $((6 * 7)) $TERM; exit 7\r")
    pty.shows("42 xterm-256color")
    assert pty.end() == 7


@pytest.mark.usefixtures("terminals")
def test_a_program_that_hangs_is_left_by_the_tilde_and_its_processes_end(
    shell: Callable[..., Pty], processes: Callable[[str], list[int]]
) -> None:
    number = os.getpid() * 1000 + 7
    pty = shell("web1")
    pty.type(f"sleep {number}\r")
    deadline = time.monotonic() + 30
    while not processes(f"sleep {number}"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pty.type("\r~.")
    assert pty.end() == 0
    while processes(f"sleep {number}"):
        assert time.monotonic() < deadline + 30, "sshd hangs up its terminal, and what runs on it ends"
        time.sleep(0.05)


@pytest.mark.usefixtures("terminals")
def test_a_lost_connection_gives_the_terminal_back(shell: Callable[..., Pty], sshd: Any) -> None:
    pty = shell("web1")
    pty.type("echo re''ady\r")
    pty.shows("ready")
    sshd.cut()
    pty.shows("the connection was lost")
    assert pty.end() == 1


def test_production_and_read_only_hosts_are_asked_about_and_refused(shell: Callable[..., Pty]) -> None:
    pty = shell("prod1")
    pty.shows("--yes=1")
    assert pty.end() == 2
    pty = shell("locked")
    pty.shows("read-only")
    assert pty.end() == 2


def test_this_machine_has_its_own_shell(shell: Callable[..., Pty]) -> None:
    pty = shell("here")
    pty.type("echo he''re $(stty size); exit 3\r")
    pty.shows("here 30 100")
    assert pty.end() == 3


def test_without_a_terminal_it_says_what_to_do(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "cockpit", "fleet", "shell", "web1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 2 and "cockpit fleet exec" in ran.stderr


def screen_of(app: ShellsApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


@pytest.mark.usefixtures("terminals")
async def test_the_same_keys_reach_every_shell_or_the_chosen_one(sshd: Any, comes_true: Callable[..., Any]) -> None:
    machines = [sshd.machine(name=f"web{n}") for n in (1, 2)]
    job = shells_job(Roster(Settings().fleet), machines)
    assert isinstance(job.live, Shells)
    app = ShellsApp(Settings(), job, job.live)
    one, two = job.live.tiles
    async with app.run_test(size=(150, 40)) as pilot:
        await comes_true(lambda: one.state == two.state == "open")
        await pilot.press(*"echo a$((1+1))", "enter")
        await comes_true(lambda: all("a2" in tile.screen.text() for tile in (one, two)))
        await comes_true(lambda: screen_of(app).count("a2") == 2)
        await pilot.press(LEAD, "n")
        await pilot.press(*"echo b$((1+2))", "enter")
        await comes_true(lambda: "b3" in one.screen.text())
        assert "b3" not in two.screen.text()
        await comes_true(lambda: "keys go to web1 alone" in screen_of(app))
        await pilot.press(LEAD, "space", LEAD, "a", LEAD, "n", LEAD, "space")
        assert [tile.joined for tile in (one, two)] == [False, True]
        await pilot.press(LEAD, "a")
        await pilot.press(*"exit 4", "enter")
        await comes_true(lambda: {tile.why for tile in (one, two)} == {"exit status 4"})
        await pilot.press(LEAD, "q")
        await comes_true(lambda: app.return_value == 0)


@pytest.mark.usefixtures("terminals")
async def test_a_host_that_cannot_be_reached_says_so_in_its_tile(sshd: Any, comes_true: Callable[..., Any]) -> None:
    shells = Shells([sshd.machine(), sshd.machine(name="gone", port=1)])
    running = asyncio.create_task(shells.run(Pool()))
    good, gone = shells.tiles
    await comes_true(lambda: good.state == "open" and gone.state == "ended")
    assert "refused" in gone.why.lower()
    assert shells.type(b"exit\r") == 1
    await comes_true(lambda: good.state == "ended")
    assert not running.done(), "what they said is still to be read"
    shells.close()
    await running


@pytest.mark.usefixtures("terminals")
async def test_much_output_leaves_the_loop_its_turn(sshd: Any, comes_true: Callable[..., Any]) -> None:
    shells = Shells([sshd.machine()])
    (tile,) = shells.tiles
    running = asyncio.create_task(shells.run(Pool()))
    await comes_true(lambda: tile.state == "open")
    tile.write(b"yes | head -c 500000; echo d''one\r")
    turns = 0
    while "done" not in tile.screen.text():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 200
    shells.close()
    await running
    assert tile.why == "closed by you"


def test_too_many_and_this_machine_are_refused() -> None:
    roster = Roster(Settings().fleet)
    with pytest.raises(errors.Refused, match="from 1 to 24"):
        shells_job(roster, [Machine("config", f"web{n}", "x") for n in range(25)])
    with pytest.raises(errors.Refused, match="is this machine"):
        shells_job(roster, [Machine("config", "here", "localhost", transport="local")])
