"""Real sshd daemons on loopback for the fleet's tests: own keys, own configuration, no PAM."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import History, HostLine
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.run import Run
from cockpit.model.user import user_name
from cockpit.tasks.action import State

INSTALL = "apt-get install openssh-server"
ACCOUNT_KEYS = ".cockpit_test_keys"
"""In the home of an Account, which cannot read the folder of the test."""


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
            f"AuthorizedKeysFile {authorized} {ACCOUNT_KEYS}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
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

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def serving(self) -> list[int]:
        """Processes that serve the open connections, not what they run."""
        sessions = self.sessions()
        return [child for pid in sessions for child in _children(pid) if _is_sshd(child)] + sessions

    def cut(self) -> None:
        """Kill what serves the open connections, not what they run."""
        for pid in self.serving():
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


class Account:
    """A user of this machine for one test, with a password and a folder of its own, who may do nothing yet."""

    def __init__(self, shell: str) -> None:
        self.name = f"cockpit{secrets.token_hex(4)}"
        self.password = "pa55 'wörd\\!"
        self.home = Path("/home") / self.name
        self._rules = Path("/etc/sudoers.d") / self.name
        subprocess.run(["useradd", "-m", "-d", str(self.home), "-s", shell, self.name], check=True)
        subprocess.run(["chpasswd"], input=f"{self.name}:{self.password}\n".encode(), check=True)

    def may(self, *rules: str) -> None:
        """sudoers(5) lines, in which USER stands for its name."""
        text = "".join(f"{rule}\n".replace("USER", self.name) for rule in rules)
        self._rules.touch(mode=0o440)
        self._rules.write_text(text)

    def lets_in(self, daemon: Sshd) -> Machine:
        """A daemon -> its machine, with this user."""
        shutil.copy(daemon.folder / "id.pub", self.home / ACCOUNT_KEYS)
        return daemon.machine(user=self.name)

    def processes(self) -> list[int]:
        listed = subprocess.run(["ps", "-o", "pid=,stat=", "-u", self.name], stdout=subprocess.PIPE, text=True)
        return [int(pid) for pid, state in map(str.split, listed.stdout.splitlines()) if not state.startswith("Z")]

    def remove(self) -> None:
        self._rules.unlink(missing_ok=True)
        wait_for(self._has_no_processes)
        subprocess.run(["userdel", "-r", self.name], check=True, stderr=subprocess.DEVNULL)

    def _has_no_processes(self) -> bool:
        for pid in self.processes():
            _kill(pid)
        return not self.processes()


@pytest.fixture
def start_account(need: Callable[[str, str], str]) -> Iterator[Callable[..., Account]]:
    """`start_account(shell="/bin/bash")` makes a user; as root alone, and all are removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("needs root: makes a user")
    need("useradd", "apt-get install passwd")
    accounts: list[Account] = []

    def start(shell: str = "/bin/bash") -> Account:
        accounts.append(Account(shell))
        return accounts[-1]

    yield start
    for account in accounts:
        account.remove()


_numbers = itertools.count(os.getpid() * 100 + 10_000_000)


@pytest.fixture
def unique() -> Callable[[], int]:
    """Seconds to sleep that no other process sleeps: finds the command again."""
    return lambda: next(_numbers)


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
async def pool() -> AsyncIterator[Pool]:
    async with Pool(connect_seconds=5.0).used() as pool:
        yield pool


@pytest.fixture(params=["ssh", "local"])
def machine(request: pytest.FixtureRequest) -> Machine:
    """The same promises over SSH and on this machine."""
    if request.param == "local":
        return Machine("config", "here", "localhost", transport="local")
    found: Machine = request.getfixturevalue("sshd").machine()
    return found


@pytest.fixture
def terminals() -> None:
    """sshd gives terminals. One that is not root can only where they are the group tty's (pty_setowner, sshpty.c)."""
    master, slave = os.openpty()
    try:
        owner = os.fstat(slave).st_gid
    finally:
        os.close(master)
        os.close(slave)
    if os.geteuid() and owner != grp.getgrnam("tty").gr_gid:
        pytest.skip("the sshd of a user gives no terminals here: mount /dev/pts with gid=5, or run the tests as root")


@pytest.fixture
def start_cockpit(tmp_path: Path) -> Iterator[Callable[[str], Callable[..., subprocess.Popen[str]]]]:
    """`start_cockpit(configuration)` gives what starts the program on it: `cockpit("fleet", "list")`."""
    config, started = tmp_path / "cockpit.toml", []
    ours = {"COCKPIT_CONFIG": str(config), "COCKPIT_STATE_DIR": str(tmp_path / "state"), "TERM": "xterm-256color"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def on(configuration: str) -> Callable[..., subprocess.Popen[str]]:
        config.write_text(configuration)

        def start(*arguments: object, **streams: Any) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "cockpit", *map(str, arguments)]
            environment = {**os.environ, **ours}
            process = subprocess.Popen(command, text=True, env=environment, cwd=tmp_path, **{**pipes, **streams})
            started.append(process)
            return process

        return start

    yield on
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def comes_true() -> Callable[..., Awaitable[None]]:
    """Wait, on the loop, until something holds."""

    async def wait(holds: Callable[[], object], seconds: float = 25.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.02)

    return wait


_runs = itertools.count(1)


class Told:
    """The Progress of a run without a task manager: keeps what it is told."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id
        self.said: list[str] = []
        self.outcomes: list[tuple[str, State]] = []
        self.done = 0

    def say(self, line: str, *, target: str = "") -> None:
        self.said.append(f"{target}: {line}" if target else line)

    def write(self, data: bytes, *, target: str = "") -> None:
        raise AssertionError("the output of hosts does not go through the task")

    def step(self, done: int, total: int) -> None:
        self.done = done

    def outcome(self, target: str, state: State, why: str = "") -> None:
        self.outcomes.append((target, state))

    async def drained(self) -> None:
        return


class Runner:
    """Runs commands and keeps what came; `last` is the Run of the newest one."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool = pool
        self.history = History(folder / "state" / "fleet" / "runs")
        self.last: Run
        self.told: Told

    def prepare(self, machines: Machine | list[Machine], command: str, seconds: float = 30.0, **more: object) -> Run:
        """`more` is of the Order, or of the Run."""
        group = tuple(machines) if isinstance(machines, list) else (machines,)
        asked = {name: more.pop(name) for name in list(more) if name in Order.__struct_fields__}
        order = Order(machines=group, command=command, timeout_seconds=seconds, **asked)  # type: ignore[arg-type]
        self.told = Told(f"run{next(_runs)}")
        self.last = Run(order, self.pool, self.history, **{"attended": True, **more})  # type: ignore[arg-type]
        return self.last

    async def __call__(
        self, machines: Machine | list[Machine], command: str, seconds: float = 30.0, **more: object
    ) -> list[HostLine]:
        """How the hosts ended, in the order of their ends."""
        run = self.prepare(machines, command, seconds, **more)
        await run.run(self.told)
        return list(run.lines.values())

    def said(self, line: HostLine, *, stderr: bool = False) -> bytes:
        path = line.stderr_spill if stderr else line.spill
        return Path(path).read_bytes() if path else b""


@pytest.fixture
def runner(tmp_path: Path) -> Callable[[Pool], Runner]:
    return lambda pool: Runner(pool, tmp_path)
