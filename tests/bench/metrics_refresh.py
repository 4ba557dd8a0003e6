"""Refreshing 1,000 series of 360 points: ours whole and incremental beside prometheus-api-client's default, in one run.

    python tests/bench/metrics_refresh.py [ROUNDS]

Starts a real Prometheus on loopback with backfilled samples (needs `prometheus` and `promtool`). Wall and stall are the
median of the rounds; CPU is this process's alone. The stall is the longest time for which the event loop did not turn.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cockpit.config.settings import MetricQuery, MetricsSource
from cockpit.feeds import service
from cockpit.metrics import queries, timing
from cockpit.metrics.panel import Panel
from cockpit.metrics.prometheus import PrometheusAdapter

SERIES, POINTS, STEP = 1000, 360, 15
BEGIN = (int(time.time()) - 8 * 3600) // 3600 * 3600
SPAN = POINTS * STEP


@contextmanager
def prometheus() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="metrics-bench-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(folder / "data.om", "w") as file:
        file.write("# TYPE load gauge\n")
        for series in range(SERIES):
            for at in range(BEGIN, BEGIN + 2 * SPAN, STEP):
                value = (series * 7919 + at * 31) % 100_000 / 1000
                file.write(f'load{{instance="10.0.0.{series}:9100",job="node"}} {value} {at}\n')
        file.write("# EOF\n")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "data.om", folder / "data"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (folder / "prometheus.yml").write_text("{}")
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    process = subprocess.Popen(command)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"{url}/-/ready"):
                break
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def measured(run: Callable[[], Awaitable[object]]) -> tuple[float, float, float]:
    """(wall, CPU, longest stall of the loop) in ms."""
    longest, last = 0.0, time.perf_counter()

    async def turn() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.0005)
            now = time.perf_counter()
            longest, last = max(longest, now - last - 0.0005), now

    ticker = asyncio.create_task(turn())
    await asyncio.sleep(0.01)
    last, longest = time.perf_counter(), 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    await run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    await asyncio.sleep(0.002)
    ticker.cancel()
    return wall * 1000, cpu * 1000, longest * 1000


class Counted:
    """Bytes of the answers."""

    def __init__(self) -> None:
        self.bytes = 0
        once = service.Service._once

        async def counting(own: service.Service, *arguments: object) -> service.Answer:
            answer = await once(own, *arguments)  # type: ignore[arg-type]
            self.bytes += len(answer.body)
            return answer

        service.Service._once = counting  # type: ignore[assignment,method-assign]


async def main(rounds: int) -> None:
    timing.POINTS = POINTS
    counted = Counted()
    with prometheus() as url:
        query = MetricQuery(title="load", query="load", range=f"{SPAN}s")
        source = MetricsSource(name="bench", url=url, interval=0.0, queries=[query])
        assert queries.of(source)[0].step == STEP
        now = [float(BEGIN + SPAN)]
        from prometheus_api_client import PrometheusConnect

        theirs = PrometheusConnect(url=url)
        rows: dict[str, list[tuple[float, float, float]]] = {}
        size: dict[str, int] = {}
        for _ in range(rounds):
            first = PrometheusAdapter(source, wall=lambda: now[0])
            stream = aiter(first.watch())

            async def take(stream: object = stream) -> Panel:
                change = await anext(stream)  # type: ignore[call-overload]
                panel: Panel = change.items[0]
                return panel

            await note(rows, size, counted, "ours, whole (instant + range)", take)
            now[0] += STEP
            await note(rows, size, counted, "ours, incremental, one new step", take)
            await stream.aclose()  # type: ignore[attr-defined]
            now[0] -= STEP

            def ask() -> object:
                from datetime import UTC, datetime

                begin, end = datetime.fromtimestamp(now[0] - SPAN, UTC), datetime.fromtimestamp(now[0], UTC)
                theirs.custom_query("load", {"time": str(now[0])})
                return theirs.custom_query_range("load", begin, end, str(STEP))

            await note(
                rows,
                size,
                counted,
                "prometheus-api-client (instant + range, in a thread)",
                lambda: asyncio.to_thread(ask),
            )
        print(f"{SERIES} series x {POINTS + 1} points, median of {rounds} rounds")
        print(f"{'':54}{'wall ms':>9}{'CPU ms':>9}{'stall ms':>9}{'bytes':>11}")
        for name, found in rows.items():
            wall, cpu, stall = (statistics.median(one[place] for one in found) for place in range(3))
            print(f"{name:54}{wall:9.1f}{cpu:9.1f}{stall:9.1f}{size[name] or '':>11}")


async def note(
    rows: dict[str, list[tuple[float, float, float]]],
    size: dict[str, int],
    counted: Counted,
    name: str,
    run: Callable[[], Awaitable[object]],
) -> None:
    counted.bytes = 0
    rows.setdefault(name, []).append(await measured(run))
    size[name] = counted.bytes


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
