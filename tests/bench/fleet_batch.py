"""One command on many hosts, beside `xargs ssh`: python tests/bench/fleet_batch.py [HOSTS]

Starts real sshd daemons with 16 loopback addresses each and runs `true` on all of them: cold (connect, check the host
key, run), and warm (the connections are kept; of ssh by a ControlMaster each). CPU is of the client alone; the lag is
that of the event loop.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sshd_hosts import hosts

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import History
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.plan import Plan
from cockpit.fleet.run.run import Run
from cockpit.tasks.action import State

FORKS = 50


def cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


async def lag(worst: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        worst[0] = max(worst[0], time.perf_counter() - before - 0.01)


class Untold:
    """The Progress of a run that tells nobody."""

    def __init__(self, run_id: str) -> None:
        self.id = run_id

    def say(self, line: str, *, target: str = "") -> None: ...

    def write(self, data: bytes, *, target: str = "") -> None: ...

    def step(self, done: int, total: int) -> None: ...

    def outcome(self, target: str, state: State, why: str = "") -> None: ...

    async def drained(self) -> None: ...


async def ours(machines: list[Machine], folder: Path) -> None:
    history = History(folder / "state" / "fleet" / "runs")
    order = Order(machines=tuple(machines), command="true", plan=Plan(forks=FORKS))
    async with Pool().used() as pool:
        for number, word in enumerate(("cold", "warm", "warm")):
            worst = [0.0]
            watcher = asyncio.create_task(lag(worst))
            run = Run(order, pool, history, attended=False)
            started, before = time.perf_counter(), cpu(resource.RUSAGE_SELF)
            await run.run(Untold(f"run{number}"))
            wall, used = time.perf_counter() - started, cpu(resource.RUSAGE_SELF) - before
            watcher.cancel()
            failed = [line.why for line in run.lines.values() if line.outcome is not Outcome.OK]
            per_host = used / len(machines) * 1000
            print(f"cockpit {word}: {wall:.2f} s, {per_host:.1f} ms CPU a host, loop lag {worst[0] * 1000:.0f} ms")
            if failed:
                sys.exit(f"{len(failed)} failed: {failed[0]}")


def peers(machines: list[Machine]) -> None:
    first = machines[0]
    options = f"-i {first.identities[0]} -p {first.port} -o UserKnownHostsFile={first.known_hosts[0]} -o BatchMode=yes"
    for word, more in (("default", ""), ("curve25519", "-o KexAlgorithms=curve25519-sha256")):
        command = f"xargs -P{FORKS} -I@ ssh -n {options} {more} @ true"
        started, before = time.perf_counter(), cpu(resource.RUSAGE_CHILDREN)
        names = "\n".join(machine.address for machine in machines)
        subprocess.run(["sh", "-c", command], input=names, text=True, check=True)
        wall, used = time.perf_counter() - started, cpu(resource.RUSAGE_CHILDREN) - before
        print(f"xargs ssh {word}: {wall:.2f} s, {used / len(machines) * 1000:.1f} ms CPU a host")


def warm_peer(machines: list[Machine], folder: Path) -> None:
    """ssh over a ControlMaster for each host, whose making is not counted."""
    first = machines[0]
    options = f"-i {first.identities[0]} -p {first.port} -o UserKnownHostsFile={first.known_hosts[0]} -o BatchMode=yes"
    sockets = f"-o ControlPath={folder}/%h"
    names = "\n".join(machine.address for machine in machines)

    def each(command: str) -> None:
        subprocess.run(["xargs", f"-P{FORKS}", "-I@", "sh", "-c", command], input=names, text=True, check=True)

    each(f"ssh -fNM {options} {sockets} @ >/dev/null 2>&1")
    try:
        for _ in range(2):
            started = time.perf_counter()
            command = f"xargs -P{FORKS} -I@ ssh -n {options} {sockets} @ true"
            subprocess.run(["sh", "-c", command], input=names, text=True, check=True)
            print(f"xargs ssh by ControlMaster, warm: {time.perf_counter() - started:.2f} s")
    finally:
        each(f"ssh -O exit {sockets} @ 2>/dev/null")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), count) as machines:
        asyncio.run(ours(machines, Path(folder)))
        peers(machines)
        warm_peer(machines, Path(folder))


if __name__ == "__main__":
    main()
