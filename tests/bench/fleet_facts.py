"""What a sample of a host costs the client: python tests/bench/fleet_facts.py [HOSTS] [ROUNDS]

Real sshd daemons with 16 loopback addresses each. The kept channel of the fleet pane, beside the same question as a
command of its own over the kept connection, and beside `ssh HOST cat /proc/loadavg` through a ControlMaster. CPU is of
the client alone, connections made before.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from sshd_hosts import hosts

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import answer
from cockpit.fleet.facts import sample, sampler
from cockpit.fleet.facts.posix import command_line
from cockpit.fleet.facts.sampler import Sampler, Turns
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine

INTERVAL_SECONDS = 1.0
PARALLEL = 16
ONCE = command_line(f"mark=aa\n{sample.SCRIPT}sample")


def cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


async def kept(machines: list[Machine], rounds: int) -> float:
    """Microseconds of CPU a sample, from the question to the row."""
    rows = 0

    def put(row: Host) -> None:
        nonlocal rows
        rows += row.state == "up"

    async with Pool().used() as pool:
        turns = Turns()
        samplers = [Sampler(pool, machine, INTERVAL_SECONDS, put, turns) for machine in machines]
        tasks = [asyncio.create_task(each.run()) for each in samplers]
        while any(each.row.pending for each in samplers):
            await asyncio.sleep(0.1)
        if bad := [each.row.error for each in samplers if not each.row.current]:
            sys.exit(f"{len(bad)} hosts did not answer: {bad[0]}")
        rows, before, system = 0, cpu(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_SELF).ru_stime
        await asyncio.sleep(rounds * INTERVAL_SECONDS)
        used, count = cpu(resource.RUSAGE_SELF) - before, rows
        kernel = (resource.getrusage(resource.RUSAGE_SELF).ru_stime - system) / count * 1e6
        late = [each.row.latency_seconds for each in samplers if each.row.latency_seconds is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    median = sorted(late)[len(late) // 2] * 1000
    cost = f"{used / count * 1e6:.0f} us CPU a sample, {kernel:.0f} of them in the kernel, which is loopback here"
    print(f"kept channel: {cost} ({count} samples, median latency {median:.1f} ms)")
    return used / count * 1e6


async def each_time(machines: list[Machine], rounds: int) -> float:
    gate = asyncio.Semaphore(PARALLEL)
    async with Pool().used() as pool:

        async def ask(machine: Machine) -> None:
            async with gate:
                sample.parse(await answer(pool, machine, ONCE, seconds=30))

        await asyncio.gather(*map(ask, machines))
        before = cpu(resource.RUSAGE_SELF)
        for _ in range(rounds):
            await asyncio.gather(*map(ask, machines))
        used = cpu(resource.RUSAGE_SELF) - before
    cost = used / rounds / len(machines) * 1e6
    print(f"a command each time: {cost:.0f} us CPU a sample")
    return cost


def control_master(machines: list[Machine], folder: Path, rounds: int) -> float:
    first = machines[0]
    options = (
        f"-i {first.identities[0]} -p {first.port} -o UserKnownHostsFile={first.known_hosts[0]} -o BatchMode=yes "
        f"-o KexAlgorithms=curve25519-sha256 -o ControlMaster=auto -o ControlPath={folder}/%h -o ControlPersist=300"
    )
    names = "\n".join(machine.address for machine in machines)

    def run(command: str) -> None:
        quiet = subprocess.DEVNULL
        subprocess.run(["sh", "-c", command], input=names, text=True, stdout=quiet, stderr=quiet, check=True)

    asked = f"xargs -P{PARALLEL} -I@ ssh -n {options} @ cat /proc/loadavg"
    try:
        run(asked)
        before = cpu(resource.RUSAGE_CHILDREN)
        for _ in range(rounds):
            run(asked)
        used = cpu(resource.RUSAGE_CHILDREN) - before
    finally:
        run(f"xargs -I@ ssh -O exit {options} @")
    cost = used / rounds / len(machines) * 1e6
    print(f"ssh through a ControlMaster: {cost:.0f} us CPU a sample (load alone; without that of the masters)")
    return cost


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 64
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    sampler.DETAILS_SECONDS = 3600.0  # measured is the cheap question
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), count) as machines:
        ours = asyncio.run(kept(machines, rounds))
        command = asyncio.run(each_time(machines, rounds))
        ssh = control_master(machines, Path(folder), max(1, rounds // 3))
    print(
        f"ratios, {count} hosts: {command / ours:.1f}x less than a command each time, {ssh / ours:.0f}x less than ssh"
    )
    print(f"1,000 hosts every 5 s: {1000 / 5 * ours / 1e4:.1f} % of a core")


if __name__ == "__main__":
    main()
