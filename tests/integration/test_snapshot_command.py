"""`cockpit --snapshot` on real services: formats, exit codes, what is said of a source that cannot be read."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cockpit.demo.kubernetes.simulator import simulator
from cockpit.snapshot.command import FORMATS

LOCAL = '[[fleet.hosts]]\nname = "here"\ntransport = "local"\nroles = ["web"]\n'
DEAD = '[[metrics]]\nname = "dead"\nurl = "http://127.0.0.1:9"\n[[metrics.queries]]\ntitle = "up"\nquery = "up"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "live.toml").write_text(LOCAL)
    (tmp_path / "dead.toml").write_text(LOCAL + DEAD)
    return tmp_path


def snapshot(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cockpit", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "COCKPIT_STATE_DIR": str(folder / "state")},
    )


def test_a_pane_that_is_not_configured_does_not_fail_the_report(folder: Path) -> None:
    ran = snapshot(folder, "--config", "live.toml", "--snapshot", "--format", "json")
    assert (ran.returncode, ran.stderr) == (0, "")
    panes = json.loads(ran.stdout)["panes"]
    assert panes["fleet"]["state"] == "live"
    assert panes["pods"] == {"state": "unconfigured", "sources": [], "items": []}
    (host,) = panes["fleet"]["items"]
    assert host["name"] == "here" and host["state"] == "up" and host["load1"] >= 0


def test_a_source_that_cannot_be_read_ends_with_3_and_is_named(folder: Path) -> None:
    ran = snapshot(folder, "--config", "dead.toml", "--snapshot", "--format", "json")
    assert ran.returncode == 3
    assert "dead: stale:" in ran.stderr and "Traceback" not in ran.stderr
    metrics = json.loads(ran.stdout)["panes"]["metrics"]
    assert metrics["state"] == "stale"
    assert metrics["sources"][0]["age_seconds"] is None and metrics["sources"][0]["error"]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_names_the_host_and_the_dead_source(folder: Path, format: str) -> None:
    ran = snapshot(folder, "--config", "dead.toml", "--snapshot", "--format", format, "-o", "report")
    assert ran.returncode == 3 and ran.stdout == ""
    report = (folder / "report").read_text()
    if format == "svg":
        report = "".join(ElementTree.fromstring(report).itertext()).replace("\xa0", " ")
    assert "here" in report and "dead" in report and "\x1b" not in report


@pytest.mark.parametrize(
    "arguments",
    [
        ["--snapshot", "--pane", "nope"],
        ["--snapshot", "--timeout", "soon"],
        ["--config", "missing.toml", "--snapshot"],
        ["--config", "broken.toml", "--snapshot"],
    ],
)
def test_bad_usage_and_bad_configuration_end_with_2(folder: Path, arguments: list[str]) -> None:
    (folder / "broken.toml").write_text("pods = 3\n")
    ran = snapshot(folder, *arguments)
    assert ran.returncode == 2 and ran.stderr and "Traceback" not in ran.stderr


def test_a_report_that_cannot_be_written_leaves_the_old_one(folder: Path) -> None:
    ran = snapshot(folder, "--config", "live.toml", "--snapshot", "-o", "missing/report.txt")
    assert ran.returncode == 1 and "cannot write" in ran.stderr
    assert snapshot(folder, "--config", "live.toml", "--snapshot", "-o", "report.txt").returncode == 0
    assert not list(folder.glob(".report*")), "no half-written file stays"


def test_scope_and_pane_narrow_the_report(folder: Path) -> None:
    def items(*arguments: str) -> Any:
        ran = snapshot(folder, "--config", "live.toml", "--snapshot", "--format", "json", *arguments)
        return json.loads(ran.stdout)["panes"]

    assert len(items("--scope", "HERE")["fleet"]["items"]) == 1
    assert items("--scope", "elsewhere")["fleet"]["items"] == []
    assert set(items("--pane", "fleet", "--pane", "pods")) == {"fleet", "pods"}


def test_a_reader_that_goes_away_is_no_defect(folder: Path) -> None:
    command = f"{sys.executable} -m cockpit --config live.toml --snapshot | true"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=folder, timeout=60)
    assert "Traceback" not in ran.stderr


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Path]:
    (tmp_path / "cluster").mkdir()
    async with simulator(tmp_path / "cluster", seed=1) as running:
        config = tmp_path / "cluster.toml"
        config.write_text(f'[[pods]]\nname = "sim"\nkubeconfig = "{running.kubeconfig}"\n')
        yield config


async def test_pods_are_what_kubectl_prints(cluster: Path, tmp_path: Path) -> None:
    ran = await asyncio.to_thread(
        snapshot, tmp_path, "--config", str(cluster), "--snapshot", "--format", "json", "--pane", "pods"
    )
    assert ran.returncode == 0, ran.stderr
    pods = json.loads(ran.stdout)["panes"]["pods"]["items"]
    assert len(pods) > 20
    assert {"Running", "CrashLoopBackOff"} <= {pod["status"] for pod in pods}
    assert all(pod["ready"].count("/") == 1 and pod["age"] for pod in pods)
