"""The demo's CI server as the demo starts it: ready, alive, and gone with its parent."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cockpit.config.settings import PipelineSource, Settings
from cockpit.session import pipelines

SECONDS = 40.0


def below(pid: int) -> list[int]:
    """The living children of a process, and theirs."""
    found, look = [], [pid]
    while look:
        one = look.pop()
        try:
            children = [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
        except OSError:
            continue
        found += children
        look += children
    return found


async def test_the_demo_runs_real_pipelines_and_leaves_nothing(
    tmp_path: Path, need: Callable[[str, str], str], gone: Callable[[int], bool]
) -> None:
    need("git", "apt-get install git")
    process = subprocess.Popen(
        [sys.executable, "-m", "cockpit.demo.ci", str(tmp_path / "ci")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        facts = json.loads(await asyncio.to_thread(process.stdout.readline))
        token = Path(facts["token_file"])
        assert token.stat().st_mode & 0o777 == 0o600
        pane = pipelines.build(
            Settings(pipelines=[PipelineSource(name="demo", url=facts["url"], token_file=str(token))])
        )
        feed = asyncio.create_task(pane.feed.run())
        runs = pane.feed.items
        assert await pane.feed.until(
            lambda: (
                {run.result for run in runs.values()} == {"success", "failed", None}
                and any(run.phase == "running" and run.ref == "nightly" for run in runs.values())
            ),
            SECONDS,
        ), list(runs.values())
        assert {run.repository for run in runs.values()} == {facts["repository"]}
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)
        deadline = time.monotonic() + SECONDS
        while not (steps := below(process.pid)):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        process.stdin.close()
        assert await asyncio.to_thread(process.wait, SECONDS) == 0
        assert all(gone(pid) for pid in steps)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
