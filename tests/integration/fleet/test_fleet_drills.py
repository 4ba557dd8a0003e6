"""The processes and units of a host as tables, over real sshd, and what their actions do.

The units are those of a real systemd: it is process 1 of namespaces of its own, with an sshd that one logs in to. That
needs root, and a kernel that lets us mount a cgroup hierarchy; elsewhere these tests are skipped, saying why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cockpit.config.settings import Fleet, Host, Settings
from cockpit.fleet.facts import drilled
from cockpit.fleet.facts.units import Unit
from cockpit.listing.cells import row
from cockpit.model import errors, health
from cockpit.session.fleet import build
from cockpit.session.pane import Pane
from cockpit.tasks.action import Risk, State
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord

SYSTEMD = "/lib/systemd/systemd"
UNITS = {
    "test.target": "[Unit]\nDefaultDependencies=no\nWants=sshd.service web.service broken.service\n",
    "web.service": "[Unit]\nDescription=A web server\nDefaultDependencies=no\n"
    "[Service]\nExecStart=/bin/sleep 1000\nExecReload=/bin/true\n",
    "broken.service": "[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/false\n",
    "flapping.service": "[Unit]\nDefaultDependencies=no\nStartLimitIntervalSec=0\n"
    "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=30\n",
    "slow.service": "[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sleep 44332211\n",
    r"odd\x2dname@.service": "[Unit]\nDescription=Odd   name ● x\nDefaultDependencies=no\n"
    "[Service]\nType=oneshot\nExecStart=/bin/true\n",
}
BOOT = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/sshd
mount -t tmpfs tmpfs /sys/fs/cgroup
if grep -q name=systemd /proc/self/cgroup; then
  mkdir /sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd,xattr cgroup /sys/fs/cgroup/systemd
else
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
exec env -i container=cockpit-test PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_UNIT_PATH="$1" SYSTEMD_LOG_TARGET=null \
  "$2" --system --unit=test.target --default-standard-output=null --default-standard-error=null
"""


@pytest.fixture
def booted(sshd: Any, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """`inside(command)` runs there; `sshd` is moved into it."""
    if os.geteuid() != 0:
        pytest.skip("only root may start a systemd of its own")
    if not Path(SYSTEMD).exists() or shutil.which("unshare") is None:
        pytest.skip("systemd is missing; apt-get install systemd")
    units = tmp_path / "units"
    units.mkdir()
    daemon = f"[Unit]\nDefaultDependencies=no\n[Service]\nExecStart={sshd.program} -D -e -f {sshd.config}\n"
    for name, text in {**UNITS, "sshd.service": daemon}.items():
        (units / name).write_text(text)
    (tmp_path / "boot.sh").write_text(BOOT)
    group = cgroup()
    sshd.kill()
    enter = f"echo $$ >{group}/cgroup.procs && exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child"
    process = subprocess.Popen(
        ["sh", "-c", f'{enter} --mount-proc sh "$0" "$@"', str(tmp_path / "boot.sh"), str(units), SYSTEMD],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        first: list[int] = []

        def forked() -> bool:
            first[:] = children(process.pid)
            return bool(first)

        def inside(line: str) -> str:
            into = ["nsenter", "-t", str(first[0]), "-p", "-m", "-u", "-i", "-C", "sh", "-c", line]
            return subprocess.run(into, stdout=subprocess.PIPE, text=True, timeout=30).stdout.strip()

        ready(forked, process)
        ready(lambda: inside("systemctl is-active sshd.service") == "active" and listens(sshd.port), process)
        yield inside
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
        remove(group)


def cgroup() -> Path:
    """One of its own, so that it takes none of this machine's for its own."""
    for root in (Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup")):
        if (root / "cgroup.procs").exists():
            group = root / f"cockpit-test-{os.getpid()}-{time.monotonic_ns()}"
            try:
                group.mkdir()
            except OSError as error:
                pytest.skip(f"no cgroup may be made here: {error}")
            return group
    pytest.skip("there is no cgroup hierarchy that systemd could use")


def remove(group: Path) -> None:
    """Once the last of its processes is gone."""
    deadline = time.monotonic() + 5
    while group.exists() and time.monotonic() < deadline:
        for folder in sorted((entry for entry in group.rglob("*") if entry.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()
        time.sleep(0.05)


def ready(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr is not None else ""
            pytest.skip(f"systemd does not start here: {said or 'it did not get ready'}")
        time.sleep(0.05)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE)
    return [int(word) for word in found.stdout.split()]


# -- panes ---------------------------------------------------------------------------------------


def fleet(sshd: Any, **changes: Any) -> Fleet:
    facts = {
        "name": "web1",
        "address": "127.0.0.1",
        "port": sshd.port,
        "identity": str(sshd.identity),
        "known_hosts": str(sshd.known_hosts),
    }
    return Fleet(hosts=[Host(**{**facts, **changes})], interval=5)


@asynccontextmanager
async def drill(settings: Fleet, name: str) -> AsyncIterator[Pane[Any]]:
    """The table of that name inside the only host."""
    pane = build(Settings(fleet=settings))
    running = [asyncio.create_task(pane.feed.run())]
    try:
        assert await pane.feed.until(lambda: bool(pane.feed.items), 20)
        (opened,) = (drill for drill in pane.drills if drill.name == name)
        (host,) = pane.feed.items.values()
        assert opened.disabled(host) is None
        inner = opened.open(host)
        assert {entry[0] for entry in opened.commands} == {entry.id for entry in (*inner.views, *inner.actions)}
        running.append(asyncio.create_task(inner.feed.run()))
        yield inner
    finally:
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def item(pane: Pane[Any], holds: Callable[[Any], object]) -> Any:
    """The first item that fits, waited for."""
    found: list[Any] = []

    def there() -> bool:
        found[:] = [each for each in pane.feed.items.values() if holds(each)]
        return bool(found)

    assert await pane.feed.until(there, 30)
    return found[0]


async def process_of(pane: Pane[Any], child: subprocess.Popen[bytes]) -> Any:
    return await item(pane, lambda process: process.pid == child.pid)


async def do(pane: Pane[Any], action: str, items: list[Any], folder: Path) -> TaskRecord:
    (deed,) = (deed for deed in pane.actions if deed.id == action)
    assert deed.disabled(items) is None
    async with TaskManager.open(folder / "state") as tasks:
        return await tasks.submit(deed.bind(items, {})).done()


@pytest.fixture
def victim() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Processes to signal."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE))
        assert started[-1].stdout is not None and started[-1].stdout.readline() == b"ready\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


SLEEPS = "import time; print('ready', flush=True); time.sleep(300)"
BUSY = "print('ready', flush=True)\nwhile True: pass"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


@pytest.mark.parametrize("transport", ["ssh", "local"])
async def test_the_processes_of_a_host_with_what_each_takes_now(
    sshd: Any, transport: str, victim: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    busy = victim(BUSY)
    hosts = fleet(sshd) if transport == "ssh" else Fleet(hosts=[Host(name="here", transport="local")])
    async with drill(hosts, "processes") as pane:
        found = await item(pane, lambda process: process.pid == busy.pid and process.cpu_ratio)
        assert found.state == "R" and found.memory_bytes > 2**20 and found.parent == os.getpid()
        assert found.cpu_ratio > 0 and found.user and found.name.startswith("python")
        assert sys.executable in found.command and "while True" in found.command
        cells = dict(zip([c.id for c in pane.columns], row(pane.columns, found, time.time()), strict=True))
        assert cells["pid"].text == str(busy.pid) and cells["cpu"].text.endswith("%")
        (view,) = pane.views
        lines = [line async for line in view.lines(found)]
        assert any(line.startswith("command: ") and "while True" in line for line in lines) and "STATUS" in lines


async def test_term_ends_a_process_and_the_end_is_seen(
    sshd: Any, victim: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    one, two = victim(SLEEPS), victim(SLEEPS)
    reaped = asyncio.gather(asyncio.to_thread(one.wait), asyncio.to_thread(two.wait))
    async with drill(fleet(sshd), "processes") as pane:
        marked = [await process_of(pane, one), await process_of(pane, two)]
        (term,) = (deed for deed in pane.actions if deed.id == "processes.term")
        job = term.bind(marked, {})
        assert term.risk is Risk.DISRUPTIVE and f"kill -s TERM {one.pid}" in job.preview[0]
        assert job.targets[0].name == f"{one.pid} {marked[0].name}"
        record = await do(pane, "processes.term", marked, tmp_path)
        assert record.state is State.SUCCEEDED
        assert [target.why for target in record.targets] == ["it has ended"] * 2
    assert await reaped == [-signal.SIGTERM] * 2


async def test_a_process_that_does_not_end_is_told_and_kill_ends_it(
    sshd: Any, victim: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    deaf = victim(DEAF)
    async with drill(fleet(sshd), "processes") as pane:
        found = await process_of(pane, deaf)
        record = await do(pane, "processes.term", [found], tmp_path)
        assert record.state is State.FAILED
        assert "it got TERM and still runs; KILL ends it" in record.targets[0].why
        record = await do(pane, "processes.kill", [found], tmp_path)
        assert record.state is State.SUCCEEDED
    assert deaf.wait(10) == -signal.SIGKILL


async def test_a_pid_that_is_another_process_now_is_never_hit(
    sshd: Any, victim: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    other = victim(SLEEPS)
    async with drill(fleet(sshd), "processes") as pane:
        found = await process_of(pane, other)
        then = replace(found, start=found.start - 1, key=f"{found.pid}/{found.start - 1}")
        record = await do(pane, "processes.kill", [then], tmp_path)
        assert record.state is State.FAILED and "nothing was sent" in record.targets[0].why
        (view,) = pane.views
        assert [line async for line in view.lines(then)] == ["it has ended; its pid is another process now"]
    assert other.poll() is None


async def test_production_and_read_only_reach_into_a_host_and_init_takes_no_signal(sshd: Any) -> None:
    async with drill(fleet(sshd, production=True, read_only=True), "processes") as pane:
        found = await item(pane, lambda each: each.pid == 1)
        target = pane.target(found)
        assert target.production and target.read_only and pane.read_only and pane.production == {"web1"}
        for deed in pane.actions:
            assert deed.disabled([found]) == "process 1 is the host's init"
            with pytest.raises(errors.Refused, match="init"):
                deed.bind([found], {})


async def test_a_host_without_systemd_says_so(sshd: Any) -> None:
    if Path("/run/systemd/system").exists():
        pytest.skip("this machine runs systemd")
    async with drill(fleet(sshd), "units") as pane:
        assert await pane.feed.until(lambda: isinstance(pane.feed.overall, health.Stale), 20)
        assert pane.feed.overall.why.startswith("no systemd on web1")


# -- a real systemd ------------------------------------------------------------------------------


async def test_the_units_of_a_host(sshd: Any, booted: Callable[[str], str]) -> None:
    async with drill(fleet(sshd), "units") as pane:
        web = await item(pane, lambda unit: unit.name == "web.service" and unit.since_at)
        assert (web.load, web.active, web.sub, web.description) == ("loaded", "active", "running", "A web server")
        assert abs(web.since_at - time.time()) < 120
        broken = await item(pane, lambda unit: unit.name == "broken.service")
        assert broken.active == "failed"
        ordered = sorted(pane.feed.items.values(), key=next(c for c in pane.columns if c.id == pane.sort).sort_key)
        assert ordered[0].name == "broken.service"
        views = {view.id: view for view in pane.views}
        status = [line async for line in views["units.status"].lines(web)]
        assert any("A web server" in line for line in status)
        assert "ExecStart=/bin/sleep 1000" in [line async for line in views["units.file"].lines(web)]


async def test_facts_name_the_failed_units(sshd: Any, booted: Callable[[str], str]) -> None:
    pane = build(Settings(fleet=fleet(sshd)))
    running = asyncio.create_task(pane.feed.run())
    try:
        host = await item(pane, lambda host: host.details)
        assert host.details.failed_units == ("broken.service",)
        assert "broken.service" in pane.search(host)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_restart_is_looked_at_afterwards(sshd: Any, booted: Callable[[str], str], tmp_path: Path) -> None:
    before = booted("systemctl show -P MainPID web.service")
    async with drill(fleet(sshd), "units") as pane:
        web = await item(pane, lambda unit: unit.name == "web.service")
        broken = await item(pane, lambda unit: unit.name == "broken.service")
        record = await do(pane, "units.restart", [web, broken], tmp_path)
        assert record.state is State.FAILED
        targets = {target.name: target for target in record.targets}
        assert targets["web.service"].state is State.SUCCEEDED
        assert targets["web.service"].why == "it is active (running)"
        assert targets["broken.service"].state is State.FAILED
        assert "it is failed (failed), exit-code" in targets["broken.service"].why
        assert booted("systemctl show -P MainPID web.service") not in (before, "0")


async def test_stop_start_reload_and_reset(
    sshd: Any, booted: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drilled, "UNITS_SECONDS", 0.3)
    async with drill(fleet(sshd), "units") as pane:
        web = await item(pane, lambda unit: unit.name == "web.service" and unit.active == "active")
        assert (await do(pane, "units.reload", [web], tmp_path)).state is State.SUCCEEDED
        record = await do(pane, "units.stop", [web], tmp_path)
        assert record.state is State.SUCCEEDED and record.targets[0].why == "it is inactive (dead)"
        assert booted("systemctl is-active web.service") == "inactive"
        broken = await item(pane, lambda unit: unit.name == "broken.service" and unit.active == "failed")
        assert (await do(pane, "units.reset-failed", [broken], tmp_path)).state is State.SUCCEEDED
        assert booted("systemctl is-failed broken.service") == "inactive"
        assert (await do(pane, "units.start", [web], tmp_path)).state is State.SUCCEEDED
        assert booted("systemctl is-active web.service") == "active"


async def test_a_service_that_does_not_stay_up_is_no_success(
    sshd: Any, booted: Callable[[str], str], tmp_path: Path
) -> None:
    booted("systemctl start flapping.service")
    async with drill(fleet(sshd), "units") as pane:
        flapping = await item(pane, lambda unit: unit.name == "flapping.service")
        record = await do(pane, "units.restart", [flapping], tmp_path)
        assert record.state is State.FAILED
        assert "systemctl succeeded, but it is activating (auto-restart), exit-code" in record.targets[0].why


async def test_an_odd_name_is_one_word(sshd: Any, booted: Callable[[str], str], tmp_path: Path) -> None:
    unit = Unit(r"odd\x2dname@a-b.service", "loaded", "inactive", "dead", "")
    async with drill(fleet(sshd), "units") as pane:
        record = await do(pane, "units.start", [unit], tmp_path)
        assert record.state is State.SUCCEEDED and record.targets[0].why == "it is inactive (dead)"
        bad = Unit("a b.service", "loaded", "inactive", "dead", "")
        with pytest.raises(errors.Refused, match="no name of a unit"):
            pane.actions[0].bind([bad], {})


async def test_a_cancelled_start_is_not_called_stopped(
    sshd: Any, booted: Callable[[str], str], tmp_path: Path, processes: Callable[[str], list[int]]
) -> None:
    """systemd has the job, and goes on with it."""
    unit = Unit("slow.service", "loaded", "inactive", "dead", "")
    async with drill(fleet(sshd), "units") as pane, TaskManager.open(tmp_path / "state") as tasks:
        task = tasks.submit(next(deed for deed in pane.actions if deed.id == "units.start").bind([unit], {}))
        async with asyncio.timeout(20):
            while not processes("sleep 44332211"):
                await asyncio.sleep(0.05)
        tasks.cancel(task.id)
        record = await task.done()
        assert record.state is State.FAILED and "systemd may go on with it" in record.why
