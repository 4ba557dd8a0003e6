"""`cockpit tasks` on a journal that a manager wrote."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cockpit.tasks.action import Job, Progress, State, Target
from cockpit.tasks.manager import TaskManager


def cockpit(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "COCKPIT_STATE_DIR": str(folder), "TZ": "UTC"}
    return subprocess.run(
        [sys.executable, "-m", "cockpit", "tasks", *args], env=environ, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def ids(tmp_path: Path) -> list[str]:
    async def write() -> list[str]:
        async with TaskManager.open(tmp_path) as manager:

            async def run(progress: Progress) -> None:
                progress.say("up 3 days\x1b[31m", target="web1")
                progress.outcome("web1", State.SUCCEEDED)
                progress.outcome("web2", State.FAILED, "exit code 1")

            async def fine(progress: Progress) -> None:
                return None

            targets = (Target("fleet/web1", "web1", production=True), Target("fleet/web2", "web2"))
            one = manager.submit(Job("fleet.exec", "Run uptime on 2 hosts", targets, run))
            two = manager.submit(Job("pods.restart", "Restart pod [bold]a", (), fine))
            return [(await one.done()).key, (await two.done()).key]

    return asyncio.run(write())


def test_list_show_tail_report(tmp_path: Path, ids: list[str]) -> None:
    listed = cockpit(tmp_path, "list").stdout
    assert "1 of 2 failed" in listed and "Restart pod [bold]a" in listed
    only = json.loads(cockpit(tmp_path, "list", "--state", "failed", "--format", "json", "--since", "1h").stdout)
    assert [task["key"] for task in only] == ids[:1]
    shown = cockpit(tmp_path, "show", ids[0][:7]).stdout
    assert "web1 PROD  succeeded" in shown and "web2  failed: exit code 1" in shown
    assert (
        json.loads(cockpit(tmp_path, "show", ids[0], "--format", "json").stdout)["targets"][1]["why"] == "exit code 1"
    )
    tail = cockpit(tmp_path, "tail", ids[0], "--follow")
    assert tail.stdout == "web1: up 3 days␛[31m\n" and tail.stderr == "failed: 1 of 2 failed\n"
    assert cockpit(tmp_path, "tail", ids[0], "--target", "web2").stdout == ""
    report = cockpit(tmp_path, "report", "--since", "2h", "--format", "markdown").stdout
    assert report.index("## Failed (1)") < report.index("## Done (1)")
    assert json.loads(cockpit(tmp_path, "report", "--format", "json").stdout)[0]["key"] in ids


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path) -> None:
    for args in (["show", "zzz"], ["list", "--since", "soon"], ["list", "--state", "odd"], ["frobnicate"]):
        result = cockpit(tmp_path, *args)
        assert result.returncode in (1, 2) and "Traceback" not in result.stderr
        assert "Error: " in result.stderr and result.stdout == ""


def test_a_damaged_journal_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "journal.db").write_bytes(b"not a database, " * 100)
    result = cockpit(tmp_path, "list")
    assert result.returncode == 1 and result.stderr.count("\n") == 1 and "is damaged" in result.stderr


def test_a_reader_that_leaves_is_quiet(tmp_path: Path, ids: list[str]) -> None:
    environ = {**os.environ, "COCKPIT_STATE_DIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "cockpit", "tasks", "list", "--format", "json"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    process.wait(60)


def test_a_name_that_was_pasted_cannot_steer_the_terminal(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cockpit", "tasks", "show", "\x1b]52;c;aGk=\x07\u202e"],
        env={**os.environ, "COCKPIT_STATE_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (
        1,
        "Error: there is no task ␛]52;c;aGk=␇; see: cockpit tasks list\n",
    )
