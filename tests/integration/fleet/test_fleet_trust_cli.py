"""`cockpit fleet trust` as a user runs it, on a terminal and without one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.said = ""
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            arguments,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def until(self, text: str, seconds: float = 30.0) -> None:
        over = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < over, self.said
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._master, 65536).decode()
                except OSError:
                    assert text in self.said, self.said

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def arguments(
    start_sshd: Callable[..., Any], tmp_path: Path
) -> tuple[Callable[..., list[str]], dict[str, str], list[Any]]:
    """The command line of `cockpit`, its environment, and two daemons behind a bastion, none of them known."""
    bastion, *daemons = (start_sshd() for _ in range(3))
    known = tmp_path / "known_hosts"
    lines = [
        f"Host {name}\n HostName 127.0.0.1\n Port {daemon.port}\n IdentityFile {daemon.identity}\n"
        f" UserKnownHostsFile {known}\n IdentityAgent none\n" + (" ProxyJump bastion\n" if name != "bastion" else "")
        for name, daemon in zip(("bastion", "web1", "web2"), (bastion, *daemons), strict=True)
    ]
    config = tmp_path / "ssh_config"
    config.write_text("".join(lines))
    (tmp_path / "cockpit.toml").write_text(f'[fleet]\ninventories = ["{config}"]\n')
    environment = {
        **os.environ,
        "COCKPIT_CONFIG": str(tmp_path / "cockpit.toml"),
        "COCKPIT_STATE_DIR": str(tmp_path / "state"),
    }
    return lambda *words: [sys.executable, "-m", "cockpit", "fleet", *words], environment, [bastion, *daemons]


@pytest.fixture
def start(arguments: Any) -> Iterator[Callable[..., Terminal]]:
    """`start("trust", "web1")` runs it on a terminal."""
    command, environment, _ = arguments
    started: list[Terminal] = []

    def run(*words: str) -> Terminal:
        started.append(Terminal(command(*words), environment))
        return started[-1]

    yield run
    for terminal in started:
        terminal.close()


def run(arguments: Any, *words: str) -> tuple[int, str, str]:
    command, environment, _ = arguments
    end = subprocess.run(command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    assert "Traceback" not in end.stderr
    return end.returncode, end.stdout, end.stderr


def sha256(sshd: Any) -> str:
    said = subprocess.run(["ssh-keygen", "-lf", str(sshd.host_key)], check=True, stdout=subprocess.PIPE, text=True)
    return said.stdout.split()[1]


def test_without_a_terminal_nothing_is_accepted_but_what_is_named(arguments: Any, tmp_path: Path) -> None:
    bastion, web1, web2 = arguments[2]
    code, out, err = run(arguments, "trust", "web1")
    assert code == 1 and sha256(bastion) in out and "MD5:" in out and f"--fingerprint {sha256(bastion)}" in err
    assert "web1 is behind bastion" in err and "0 known, 2 not" in out
    assert not (tmp_path / "known_hosts").exists()
    code, out, err = run(
        arguments, "trust", "web[1-2]", "--fingerprint", sha256(bastion), "--fingerprint", sha256(web1)
    )
    assert code == 1 and "2 known, 1 not" in out and sha256(web2) in err
    assert len((tmp_path / "known_hosts").read_text().splitlines()) == 2


def test_a_stated_count_accepts_all_and_no_other_count_does(arguments: Any, tmp_path: Path) -> None:
    code, _, err = run(arguments, "trust", "web[1-2]", "--yes", "3")
    assert code == 2 and "these are 2" in err and not (tmp_path / "known_hosts").exists()
    code, out, _ = run(arguments, "trust", "web[1-2]", "--yes", "2")
    assert code == 0 and "3 known, 0 not" in out
    code, out, _ = run(arguments, "exec", "web[1-2]", "--", "echo", "ok")
    assert code == 0 and sorted(out.splitlines()) == ["web1: ok", "web2: ok"]
    known = tmp_path / "known_hosts"
    name, _, blob = known.read_text().splitlines()[1].split()
    before = known.read_text().replace(blob, known.read_text().splitlines()[0].split()[2])
    known.write_text(before)
    code, _, err = run(arguments, "trust", "web[1-2]", "--yes", "2")
    assert code == 1 and f"the host key of {name} has changed" in err and known.read_text() == before


def test_on_a_terminal_each_key_is_asked_for(start: Callable[..., Terminal], tmp_path: Path, arguments: Any) -> None:
    terminal = start("trust", "web1,web2")
    for answer in ("y\r", "y\r", "\r"):
        terminal.until("[y/N] ")
        terminal.said = terminal.said.partition("[y/N] ")[2]
        terminal.type(answer)
    terminal.until("2 known, 1 not")
    assert terminal.process.wait(20) == 1
    assert len((tmp_path / "known_hosts").read_text().splitlines()) == 2


def test_a_passphrase_is_asked_for_without_an_echo_and_ctrl_c_leaves_the_terminal_as_it_was(
    start: Callable[..., Terminal], arguments: Any
) -> None:
    assert run(arguments, "trust", "bastion", "--yes", "1")[0] == 0
    bastion = arguments[2][0]
    command = ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(bastion.identity)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    terminal = start("trust", "web1", "--yes", "1")
    terminal.until("leave it locked): ")
    assert not terminal.echoes
    terminal.type("secret\r")
    terminal.until("2 known, 0 not")
    assert terminal.process.wait(20) == 0 and terminal.echoes and "secret" not in terminal.said
    terminal = start("trust", "web2", "--yes", "1")
    terminal.until("leave it locked): ")
    terminal.type("\x03")
    assert terminal.process.wait(20) != 0 and terminal.echoes
