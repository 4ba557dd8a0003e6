"""How much `cockpit --snapshot`, cold, costs over its slowest backend (goal: at most 0.4 s). Runs the demo's services.

    python tests/bench/snapshot.py [RUNS]

The slowest backend is measured in this process, warm: the time from starting a pane's feed until it has settled.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping

from cockpit.config.load import load
from cockpit.config.settings import Settings
from cockpit.demo.environment import running
from cockpit.model.scope import Scope
from cockpit.session.panes import build_panes
from cockpit.snapshot.take import take


async def settled(settings: Settings, name: str) -> float:
    """Seconds until one pane has settled."""
    started = time.perf_counter()
    await take({name: build_panes(settings)[name]}, timeout=60, scope=Scope())
    return time.perf_counter() - started


async def backends(settings: Settings, runs: int) -> Mapping[str, float]:
    """Median seconds by pane, warm."""
    names = list(build_panes(settings))
    for name in names:
        await settled(settings, name)
    return {name: statistics.median([await settled(settings, name) for _ in range(runs)]) for name in names}


def cold(config: str) -> float:
    """Seconds of one whole process."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "cockpit", "--config", config, "--snapshot", "--format", "json"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with running(lambda line: print(line, file=sys.stderr)) as environment:
        settings = load(environment.config)
        by_pane = asyncio.run(backends(settings, runs))
        slowest = max(by_pane.values())
        wall = statistics.median(cold(str(environment.config)) for _ in range(runs))
    for name, seconds in by_pane.items():
        print(f"{name:10} settles in {seconds:.3f} s, warm")
    print(
        f"cold snapshot of all {wall:.3f} s: {wall - slowest:+.3f} s over the slowest backend, {wall / slowest:.2f} x"
    )


if __name__ == "__main__":
    main()
