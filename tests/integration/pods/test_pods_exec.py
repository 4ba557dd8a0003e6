"""`cockpit pods exec` and the shell of the pane, on the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource, Settings
from cockpit.demo.kubernetes import exec as serving
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.demo.kubernetes.websockets import V4
from cockpit.model import errors
from cockpit.pods.actions.remote import executed
from cockpit.pods.api.connection import Cluster
from cockpit.session.pods import build
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.terminal import Terminal

PATIENCE = 30.0
BINARY = bytes(range(256)) * 8192


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, pace=0.05) as running:
        statuses = [{"name": name, "ready": True, "state": {"running": {}}} for name in ("app", "side")]
        running.put(
            {
                "metadata": {"namespace": "shop", "name": "web-0"},
                "spec": {"containers": [{"name": "app", "image": "x"}, {"name": "side", "image": "x"}]},
                "status": {"phase": "Running", "containerStatuses": statuses},
            }
        )
        yield running


class Cockpit:
    def __init__(self, sim: Simulator, folder: Path, **source: Any) -> None:
        lines = "".join(f"{key} = {str(value).lower()}\n" for key, value in source.items())
        self.config = folder / "cockpit.toml"
        self.config.write_text(f'[[pods]]\nname = "demo"\nkubeconfig = "{sim.kubeconfig}"\n{lines}')
        self.env = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_STATE_HOME": str(folder / "state")}
        self.env["TERM"] = "xterm"

    @asynccontextmanager
    async def begun(self, *arguments: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), asyncio.subprocess.PIPE) | options
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cockpit", "--config", str(self.config), "pods", *arguments, env=self.env, **streams
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def __call__(self, *arguments: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
        async with self.begun(*arguments) as process, asyncio.timeout(PATIENCE):
            out, err = await process.communicate(stdin)
        return process.returncode or 0, out, err


@pytest.fixture
def cockpit(sim: Simulator, tmp_path: Path) -> Cockpit:
    return Cockpit(sim, tmp_path)


@pytest.fixture
def cluster(sim: Simulator) -> Cluster:
    return Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))


async def test_streams_and_exit_code_are_the_commands_own(cockpit: Cockpit) -> None:
    command = "echo out; echo err >&2; exit 42"
    assert await cockpit("exec", "shop/web-0", "--", "sh", "-c", command) == (42, b"out\n", b"err\n")


async def test_binary_input_to_its_end(cockpit: Cockpit) -> None:
    assert await cockpit("exec", "-i", "demo:shop/web-0", "-c", "side", "--", "cat", stdin=BINARY) == (0, BINARY, b"")


async def test_what_is_refused_is_said(cockpit: Cockpit, sim: Simulator, tmp_path: Path) -> None:
    for arguments, said, code in (
        (("shop/web-0", "-c", "nope", "--", "true"), b"container nope is not valid", 1),
        (("shop/nope", "--", "true"), b"not found", 1),
        (("shop/web-0", "--", "no-such-program"), b"executable file not found", 1),
        (("web-0", "--", "true"), b"NAMESPACE/POD", 2),
        (("else:shop/web-0", "--", "true"), b"there are: demo", 2),
        (("shop/web-0",), b"-- COMMAND", 2),
    ):
        found, _, err = await cockpit("exec", *arguments)
        assert found == code and said in err, (arguments, err)
    guarded = Cockpit(sim, tmp_path, production=True)
    assert (await guarded("exec", "shop/web-0", "--", "true"))[0] == 2
    assert (await guarded("exec", "--yes", "shop/web-0", "--", "true"))[0] == 0
    assert (await Cockpit(sim, tmp_path, read_only=True)("exec", "shop/web-0", "--", "true"))[0] == 2


async def test_a_cut_is_told_from_an_end(cockpit: Cockpit, sim: Simulator) -> None:
    async with cockpit.begun("exec", "shop/web-0", "--", "sh", "-c", "echo begun; exec sleep 600") as process:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"begun\n"
            sim.api.inside.cut()
            assert await process.wait() == 1
            assert b"may still run" in await process.stderr.read()


async def test_a_deleted_pod_ends_the_command_as_killed(cockpit: Cockpit, sim: Simulator) -> None:
    async with cockpit.begun("exec", "shop/web-0", "--", "sh", "-c", "echo begun; exec sleep 600") as process:
        async with asyncio.timeout(PATIENCE):
            assert await process.stdout.readline() == b"begun\n"
            sim.remove("shop", "web-0")
            assert await process.wait() == 137


async def test_a_refused_token_is_renewed_once(cluster: Cluster, sim: Simulator) -> None:
    async with cluster.connected() as connection:
        await sim.rotate_token()
        async with executed(connection, "shop", "web-0", "app", ["true"]) as remote:
            assert await remote.read() is None
            assert remote.ended is not None and remote.ended.code == 0
    sim.faults.add(Fault("status", verb="exec", status=403))
    async with cluster.connected() as connection:
        with pytest.raises(errors.Denied, match="a fault was asked for"):
            async with executed(connection, "shop", "web-0", "app", ["true"]):
                pass


async def test_v4_cannot_end_the_input(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "V5", V4)
    async with (
        cluster.connected() as connection,
        executed(connection, "shop", "web-0", "app", ["head", "-c", "3"], stdin=True) as remote,
    ):
        with pytest.raises(errors.Refused, match="v4"):
            await remote.end_input()
        await remote.write(b"abc")
        chunk = await remote.read()
        assert chunk is not None and chunk.data == b"abc"
        assert await remote.read() is None
        assert remote.ended is not None and remote.ended.code == 0


async def test_a_storm_of_sizes_ends_with_the_last(cluster: Cluster) -> None:
    async with (
        cluster.connected() as connection,
        executed(connection, "shop", "web-0", "app", ["sh", "-c", "read x; stty size"], stdin=True, tty=True) as remote,
    ):
        for columns in range(20, 220):
            remote.resize(Terminal("xterm", columns, 44))
            if columns % 10 == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        await remote.write(b"\n")
        said = b""
        while (chunk := await remote.read()) is not None:
            said += chunk.data
        assert said.split() == [b"44", b"219"]


async def test_much_output_waits_for_its_reader(cluster: Cluster) -> None:
    async with (
        cluster.connected() as connection,
        executed(connection, "shop", "web-0", "app", ["head", "-c", "60000000", "/dev/zero"]) as remote,
    ):
        first = await remote.read()
        assert first is not None
        got = len(first.data)
        await asyncio.sleep(0.3)
        while (chunk := await remote.read()) is not None:
            got += len(chunk.data)
        assert (got, remote.ended and remote.ended.code) == (60_000_000, 0)


class Screen:
    """A terminal whose other end the test holds."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.seen = bytearray()
        self._more = asyncio.Event()
        self.resize(97, 31)
        asyncio.get_running_loop().add_reader(self.master, self._read)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            self.seen += os.read(self.master, 65536)
        self._more.set()

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    async def shows(self, text: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            while text not in self.seen:
                self._more.clear()
                await self._more.wait()
        self.seen.clear()

    async def answers(self) -> None:
        """Its shell does. After an interrupt bash throws away what was typed ahead, so it is asked more than once."""
        async with asyncio.timeout(PATIENCE):
            while b"42-here" not in self.seen:
                self.type(b"echo $((6*7))-here\r")
                self._more.clear()
                await asyncio.wait([asyncio.create_task(self._more.wait())], timeout=0.5)

    @property
    def restored(self) -> bool:
        return termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
async def screen() -> AsyncIterator[Screen]:
    made = Screen()
    yield made
    made.close()


def on(screen: Screen) -> dict[str, Any]:
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), screen.slave)
    return {**streams, "preexec_fn": lambda: os.login_tty(screen.slave)}


async def test_a_shell_follows_the_size_and_ends_as_it_did(cockpit: Cockpit, screen: Screen) -> None:
    async with cockpit.begun("exec", "-it", "shop/web-0", **on(screen)) as process:
        await screen.shows(b"container app (also here: side)")
        screen.type(b'until [ "$(stty size)" = "31 97" ]; do :; done; echo size-"$(stty size)"\r')
        await screen.shows(b"size-31 97")
        screen.resize(101, 33)
        screen.type(b'until [ "$(stty size)" = "33 101" ]; do :; done; echo size-"$(stty size)"\r')
        await screen.shows(b"size-33 101")
        screen.type(b"sh -c 'echo up-$((1+1)); exec sleep 600'\r")
        await screen.shows(b"up-2")
        screen.type(b"\x03")
        await screen.answers()
        screen.type(b"exit 7\r")
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 7
    assert screen.restored


async def test_a_terminal_that_stops_reading_holds_up_nothing(cockpit: Cockpit, screen: Screen) -> None:
    async with cockpit.begun(
        "exec", "-it", "shop/web-0", "--", "sh", "-c", "echo b; exec yes", **on(screen)
    ) as process:
        await screen.shows(b"y\r\ny")
        asyncio.get_running_loop().remove_reader(screen.master)
        await asyncio.sleep(0.3)
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 130
    assert screen.restored


@pytest.mark.parametrize("how", ["cut", "SIGTERM", "~."])
async def test_the_terminal_is_restored(cockpit: Cockpit, screen: Screen, sim: Simulator, how: str) -> None:
    async with cockpit.begun("exec", "-it", "shop/web-0", **on(screen)) as process:
        screen.type(b"echo $((6*7))-here\r")
        await screen.shows(b"42-here")
        assert not screen.restored
        if how == "cut":
            sim.api.inside.cut()
        elif how == "SIGTERM":
            process.terminate()
        else:
            screen.type(b"\r~.")
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == {"cut": 1, "SIGTERM": 130, "~.": 0}[how]
    assert screen.restored


async def test_a_command_in_marked_pods_has_an_outcome_each(sim: Simulator, tmp_path: Path) -> None:
    for name in ("web-1", "web-2"):
        sim.put(
            {
                "metadata": {"namespace": "shop", "name": name},
                "spec": {"containers": [{"name": "app", "image": "x"}]},
                "status": {"phase": "Running"},
            }
        )
    pane = build(Settings(pods=[PodsSource(name="demo", kubeconfig=str(sim.kubeconfig))]))
    running = asyncio.create_task(pane.feed.run())
    try:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 3, PATIENCE)
        pods = sorted(pane.feed.items.values(), key=lambda pod: pod.name)
        action = next(each for each in pane.actions if each.id == "pods.exec")
        job = action.bind(pods, {"command": "seq 2000; case $HOSTNAME in web-1) exit 3;; esac"})
        sim.remove("shop", "web-2")
        async with TaskManager.open(tmp_path / "tasks") as tasks:
            task = tasks.submit(job)
            async with asyncio.timeout(PATIENCE):
                record = await task.done()
            assert [(each.name, each.state) for each in record.targets] == [
                ("shop/web-0", State.SUCCEEDED),
                ("shop/web-1", State.FAILED),
                ("shop/web-2", State.FAILED),
            ]
            assert "ended with 3" in record.targets[1].why and "not found" in record.targets[2].why
            assert [line for _, line in task.output.lines("shop/web-0")][-1] == b"2000"
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_what_rbac_forbids_is_greyed_with_the_reason(sim: Simulator) -> None:
    sim.deny("create", "pods", sub="exec")
    pane = build(Settings(pods=[PodsSource(name="demo", kubeconfig=str(sim.kubeconfig))]))
    running = asyncio.create_task(pane.feed.run())
    try:
        assert await pane.feed.until(lambda: len(pane.feed.items) == 1, PATIENCE)
        pods = list(pane.feed.items.values())
        shell = next(each for each in pane.actions if each.id == "pods.shell")
        forward = next(each for each in pane.actions if each.id == "pods.forward")
        async with asyncio.timeout(PATIENCE):
            while "not allowed: create pods/exec" not in (shell.disabled(pods) or ""):
                await asyncio.sleep(0.02)
        assert forward.disabled(pods) is None
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
