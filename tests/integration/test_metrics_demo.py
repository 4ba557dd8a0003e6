"""The demo's metrics as the demo runs them: a child process with a pipe as stdin."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit.config.settings import MetricQuery, MetricsSource, Settings
from cockpit.model import errors, health
from cockpit.session import metrics

SECONDS = 30.0


@contextmanager
def demo(state: Path, *prefix: str) -> Iterator[tuple[subprocess.Popen[bytes], Mapping[str, Any]]]:
    command = [sys.executable, *(prefix or ("-m", "cockpit.demo.metrics")), str(state)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        yield process, json.loads(line)
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(SECONDS)
        process.stdout.close()
        process.stderr.close()


def source(facts: Mapping[str, Any], **changed: Any) -> MetricsSource:
    keys = {key: facts[key] for key in ("url", "direct", "username", "token_file")}
    queries = msgspec.convert(facts["queries"], list[MetricQuery])
    return MetricsSource(**{"name": "demo", "interval": 0.3, "queries": queries, **keys, **changed})


def children(pid: int) -> list[int]:
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def read(facts: Mapping[str, Any], state: Path) -> None:
    """Every panel without an error, and nobody without the password."""
    pane = metrics.build(Settings(metrics=[source(facts)]))
    task = asyncio.create_task(pane.feed.run())
    try:
        assert await pane.feed.until(
            lambda: bool(pane.feed.items) and all(panel.series for panel in pane.feed.items.values()), SECONDS
        ), [(panel.title, panel.error) for panel in pane.feed.items.values()]
        assert isinstance(pane.feed.overall, health.Live)
        assert [panel.error for panel in pane.feed.items.values() if panel.error] == []
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    wrong = state.parent / "wrong"
    wrong.write_text("wrong")
    stranger = metrics.build(Settings(metrics=[source(facts, token_file=str(wrong))]))
    with pytest.raises(errors.Denied):
        await stranger.explore("demo", "up")


async def test_a_real_prometheus_serves_the_demo(need: Callable[[str, str], str], tmp_path: Path) -> None:
    need("prometheus", "apt-get install prometheus")
    need("prometheus-node-exporter", "apt-get install prometheus-node-exporter")
    state = tmp_path / "state"
    with demo(state) as (process, facts):
        assert facts["direct"] is False and "prometheus 2" in facts["says"] and "node-exporter" in facts["says"]
        assert (state / "password").stat().st_mode & 0o077 == 0
        await read(facts, state)
        servers = children(process.pid)
        assert len(servers) == 2
    assert process.returncode == 0
    wait_for(lambda: all(map(gone, servers)))
    assert not state.exists()


def test_servers_die_with_a_killed_parent(need: Callable[[str, str], str], tmp_path: Path) -> None:
    need("prometheus", "apt-get install prometheus")
    need("prometheus-node-exporter", "apt-get install prometheus-node-exporter")
    with demo(tmp_path / "state") as (process, _):
        servers = children(process.pid)
        assert len(servers) == 2
        os.kill(process.pid, signal.SIGKILL)
        wait_for(lambda: all(map(gone, servers)))


def test_a_killed_server_comes_back(need: Callable[[str, str], str], tmp_path: Path) -> None:
    need("prometheus", "apt-get install prometheus")
    need("prometheus-node-exporter", "apt-get install prometheus-node-exporter")
    with demo(tmp_path / "state") as (process, _):
        servers = children(process.pid)
        os.kill(servers[0], signal.SIGKILL)
        wait_for(lambda: len(now := children(process.pid)) == 2 and servers[0] not in now)


async def test_without_a_prometheus_a_page_is_read_directly(tmp_path: Path) -> None:
    state = tmp_path / "state"
    code = "from cockpit.demo import metrics; metrics.SEARCH = ''; metrics.main()"
    with demo(state, "-c", code) as (process, facts):
        assert facts["direct"] is True and "no prometheus here" in facts["says"]
        await read(facts, state)
    assert process.returncode == 0 and not state.exists()
