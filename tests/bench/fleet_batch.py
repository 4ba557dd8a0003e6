"""One command on many hosts, beside `xargs ssh`: python tests/bench/fleet_batch.py [HOSTS]

Starts real sshd daemons with 16 loopback addresses each and runs `true` on all of them: cold (connect, check the host
key, run), and warm (the connections are kept). CPU is of the client alone; the lag is that of the event loop.
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
from cockpit.fleet.run.batch import Batch, Order
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


async def ours(machines: list[Machine]) -> None:
    async def drained() -> None:
        return

    async with Pool().used() as pool:
        for word in ("cold", "warm", "warm"):
            worst = [0.0]
            watcher = asyncio.create_task(lag(worst))
            order = Order(tuple(machines), "true", 60.0, FORKS)
            batch = Batch(order, on_output=lambda *_: None, on_result=lambda _: None, drained=drained)
            started, before = time.perf_counter(), cpu(resource.RUSAGE_SELF)
            await batch.run(pool)
            wall, used = time.perf_counter() - started, cpu(resource.RUSAGE_SELF) - before
            watcher.cancel()
            failed = [r.why for r in batch.results.values() if r.state is not State.SUCCEEDED]
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


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), count) as machines:
        asyncio.run(ours(machines))
        peers(machines)


if __name__ == "__main__":
    main()
