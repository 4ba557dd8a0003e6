"""Real sshd daemons on loopback for the fleet's tests: own keys, own configuration, no PAM."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cockpit.fleet.machine import Machine
from cockpit.model.user import user_name

INSTALL = "apt-get install openssh-server"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keygen(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


class Sshd:
    """One daemon. `stop` kills it and every session of it."""

    def __init__(self, folder: Path, need: Callable[[str, str], str], *, extra: str = "") -> None:
        self.program = need("sshd", INSTALL)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.host_key = keygen(folder / "host_key")
        self.identity = keygen(folder / "id")
        self.known_hosts = folder / "known_hosts"
        self.trust()
        self.config = folder / "sshd_config"
        authorized = folder / "authorized_keys"
        authorized.write_text((folder / "id.pub").read_text())
        self.config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.host_key}\nPidFile none\n"
            f"AuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            f"PermitRootLogin yes\nUseDNS no\n{extra}"
            "SetEnv SHLVL=5\n"  # bash then reads no ~/.bashrc of the user who tests
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def trust(self) -> None:
        kind, blob = (self.folder / "host_key.pub").read_text().split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {blob}\n")

    def start(self) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.program, "-D", "-e", "-f", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        wait_for(lambda: _listens(self.port), 20)

    def sessions(self) -> list[int]:
        """Processes of the daemon's connections."""
        assert self._process is not None
        found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self._process.pid)], stdout=subprocess.PIPE)
        return [int(word) for word in found.stdout.split()]

    def cut(self) -> None:
        """Kill what serves the open connections, not what they run."""
        for pid in self.sessions():
            for child in _children(pid):
                if _is_sshd(child):
                    _kill(child)
            _kill(pid)

    def kill(self) -> None:
        """kill -9, the open connections too."""
        assert self._process is not None
        if self._process.poll() is None:
            self.cut()
            self._process.kill()
            self._process.wait()

    def machine(self, name: str = "web1", **changes: object) -> Machine:
        facts: dict[str, object] = {
            "source": "config",
            "name": name,
            "address": "127.0.0.1",
            "port": self.port,
            "user": user_name(),
            "identities": (str(self.identity),),
            "known_hosts": (str(self.known_hosts),),
        }
        return Machine(**{**facts, **changes})  # type: ignore[arg-type]


def alive(pattern: str) -> list[int]:
    """Processes whose command line contains a text that nothing else does."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            state = (entry / "stat").read_text().rpartition(") ")[2][:1]
        except OSError:
            continue
        if pattern.encode() in line and state != "Z":
            found.append(int(entry.name))
    return found


def wait_for(holds: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition never held"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE)
    return [int(word) for word in found.stdout.split()]


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_sshd(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().startswith("sshd")
    except OSError:
        return False


@pytest.fixture
def start_sshd(tmp_path: Path, need: Callable[[str, str], str]) -> Iterator[Callable[..., Sshd]]:
    """`start_sshd(extra="")` gives another daemon; all are killed at the end."""
    daemons: list[Sshd] = []

    def start(**options: str) -> Sshd:
        daemons.append(Sshd(tmp_path / f"sshd{len(daemons)}", need, **options))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.kill()


@pytest.fixture
def sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    return start_sshd()


@pytest.fixture
def processes() -> Callable[[str], list[int]]:
    """The processes whose command line contains a text that no other's does."""
    return alive


@pytest.fixture
def comes_true() -> Callable[..., Awaitable[None]]:
    """Wait, on the loop, until something holds."""

    async def wait(holds: Callable[[], object], seconds: float = 25.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.02)

    return wait
