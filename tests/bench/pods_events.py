"""5,000 changes of pods a second for a minute into a followed, sorted table of 50,000: memory, loop, what is missed.

    python tests/bench/pods_events.py [--pods 50000] [--rate 5000] [--seconds 60]

The server is the demo's simulator in a process of its own. At the end the table must equal a fresh list.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cockpit.config.settings import PodsSource, Settings
from cockpit.listing.listing import Listing
from cockpit.model import health
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.row import Pod
from cockpit.session.pane import Pane
from cockpit.session.pods import build


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Beat:
    """The longest time since `reset` that the loop did not come round, and the most CPU of its thread in one."""

    def __init__(self) -> None:
        self.wall_ms = self.own_ms = 0.0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            began, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.wall_ms = max(self.wall_ms, (time.perf_counter() - began - 0.001) * 1000)
            self.own_ms = max(self.own_ms, (time.thread_time() - own) * 1000)

    def reset(self) -> str:
        said = f"worst stall {self.wall_ms:.0f} ms ({self.own_ms:.0f} ms own CPU)"
        self.wall_ms = self.own_ms = 0.0
        return said

    def stop(self) -> None:
        self._task.cancel()


async def show(pane: Pane[Pod], listing: Listing[Pod], seen: list[int]) -> None:
    async for delta in pane.feed.follow():
        seen[0] += len(delta.upserts) + len(delta.removed)
        await listing.apply(delta)


async def live(pane: Pane[Pod]) -> asyncio.Task[None]:
    running = asyncio.create_task(pane.feed.run())
    assert await pane.feed.until(lambda: isinstance(pane.feed.overall, health.Live), 120), pane.feed.overall
    return running


def states(pane: Pane[Pod]) -> dict[str, tuple[object, ...]]:
    """Without the usage, which each of two panes measures at its own time."""
    return {key: (pod.path, pod.status, pod.ready, pod.restarts, pod.node) for key, pod in pane.feed.items.items()}


async def bench(kubeconfig: str, rate: int, seconds: int) -> None:
    source = PodsSource(name="bench", kubeconfig=kubeconfig)
    pane = build(Settings(pods=[source]))
    running = await live(pane)
    seen, listing = [0], Listing(pane.columns, pane.sort)
    shown = asyncio.create_task(show(pane, listing, seen))
    beat = Beat()
    async with Cluster(source).connected() as connection:
        state = json.loads(await connection.body("/_simulator/state"))
        await connection.send("POST", "/_simulator/churn", {"rate": rate, "seconds": seconds})
        for _ in range(seconds // 10):
            seen[0], cpu, began = 0, time.process_time(), time.perf_counter()
            await asyncio.sleep(10)
            spent = time.perf_counter() - began
            share = (time.process_time() - cpu) / spent * 100
            before, state = state["churned"], json.loads(await connection.body("/_simulator/state"))
            print(
                f"{(state['churned'] - before) / spent:.0f} changes/s at the server, {seen[0] / spent:.0f} rows/s "
                f"followed, {rss_mib():.0f} MiB, {share:.0f} % CPU, {beat.reset()}",
                flush=True,
            )
    fresh = build(Settings(pods=[source]))
    other = await live(fresh)
    same = await pane.feed.until(lambda: states(pane) == states(fresh), 30)
    print(f"equal to a fresh list: {'yes' if same else 'NO'}; {len(listing)} rows")
    beat.stop()
    for task in (running, other, shown):
        task.cancel()
    await asyncio.gather(running, other, shown, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=50_000)
    parser.add_argument("--rate", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cockpit.demo.kubernetes", folder, "--pods", str(options.pods)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            kubeconfig = json.loads(server.stdout.readline())["kubeconfig"]
            asyncio.run(bench(kubeconfig, options.rate, options.seconds))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
