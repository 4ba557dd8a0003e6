"""The whole demo: every service, the snapshot of it, and nothing left behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cockpit.demo.environment import clear_leftovers
from cockpit.tasks import process

SECONDS = 150.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "COCKPIT_STATE_DIR": str(tmp_path / "state"), "HOME": str(tmp_path)}


def started_by(pid: int) -> set[int]:
    """All living descendants of a process."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and not zombie(pid)}


def zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def until(holds: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.CompletedProcess[str]]:
    home = tmp_path_factory.mktemp("home")
    yield subprocess.run(
        [sys.executable, "-m", "cockpit", "demo", "--snapshot", "--format", "json"],
        env={**os.environ, "COCKPIT_STATE_DIR": str(home / "state"), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=home,
    )
    assert not any((home / "state" / "demo").iterdir()), "the demo left its folder behind"


@pytest.mark.timeout(SECONDS + 30)
def test_the_demo_writes_one_whole_report(snapshot: subprocess.CompletedProcess[str]) -> None:
    assert snapshot.returncode == 0, snapshot.stderr
    report = json.loads(snapshot.stdout)
    panes = report["panes"]
    assert {name: pane["state"] for name, pane in panes.items()} == dict.fromkeys(
        ("fleet", "pods", "metrics", "pipelines"), "live"
    )
    assert all(pane["items"] for pane in panes.values())
    assert "CrashLoopBackOff" in {pod["status"] for pod in panes["pods"]["items"]}
    assert "success" in {run["result"] for run in panes["pipelines"]["items"]}
    assert {host["state"] for host in panes["fleet"]["items"]} > {"up"}, "some demo hosts misbehave"


@pytest.mark.timeout(SECONDS + 30)
def test_the_report_is_what_the_schema_promises(snapshot: subprocess.CompletedProcess[str]) -> None:
    schema = subprocess.run(
        [sys.executable, "-m", "cockpit", "schema", "snapshot"], capture_output=True, text=True, check=True
    )
    jsonschema.validate(json.loads(snapshot.stdout), json.loads(schema.stdout))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_service_outlives_the_demo(number: signal.Signals, environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "cockpit", "demo", "--snapshot", "--timeout", "600", "-o", str(tmp_path / "never.txt")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if "cockpit serve" in line:
                break
        children = started_by(demo.pid)
        assert len(children) >= 4
        demo.send_signal(number)
        demo.wait(30)
    until(lambda: not alive(children))
    root = Path(environment["COCKPIT_STATE_DIR"]) / "demo"
    if number == signal.SIGTERM:
        assert not any(root.iterdir())
    else:
        clear_leftovers(root)
        assert not any(root.iterdir()), "the next start clears what a kill left"


def test_a_demo_that_has_only_just_begun_is_no_leftover(tmp_path: Path) -> None:
    """Two demos are started at once: neither may take the other's folder for one that a kill left."""
    own = process.this()
    begun = tmp_path / f"{own.pid}-{own.start}-a"
    left = [tmp_path / f"{own.pid}-{own.start + 1}-b", tmp_path / "12-abcdef01"]
    for folder in (begun, *left):
        folder.mkdir()
    clear_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [begun]


def test_without_git_it_says_what_to_install(environment: dict[str, str], tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cockpit", "demo", "--snapshot"], env={**environment, "PATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr == "Error: git is missing, which the demo's CI server needs; apt-get install git\n"
