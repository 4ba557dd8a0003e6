"""One command on many hosts, beside `xargs ssh`: python tests/bench/fleet_batch.py [HOSTS]

Starts real sshd daemons with 16 loopback addresses each and runs `true` on all of them: cold (connect, check the host
key, run), and warm (the connections are kept). CPU is of the client alone; the lag is that of the event loop.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.run.batch import Batch, Order
from cockpit.model.user import user_name
from cockpit.tasks.action import State

ADDRESSES = 16
"""Listening sockets of one sshd (MAX_LISTEN_SOCKS)."""
FORKS = 50


def keygen(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextmanager
def hosts(folder: Path, count: int) -> Iterator[list[Machine]]:
    """So many addresses that answer, their keys known."""
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin") or sys.exit("sshd is missing")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    identity, known = keygen(folder / "id"), folder / "known_hosts"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    addresses = [f"127.1.{n // ADDRESSES}.{n % ADDRESSES + 1}" for n in range(count)]
    daemons, lines = [], []
    try:
        for number in range(0, count, ADDRESSES):
            group = addresses[number : number + ADDRESSES]
            key = keygen(folder / f"host{number}")
            public = " ".join((folder / f"host{number}.pub").read_text().split()[:2])
            lines += [f"[{address}]:{port} {public}" for address in group]
            config = folder / f"config{number}"
            config.write_text(
                f"Port {port}\nHostKey {key}\nPidFile none\nAuthorizedKeysFile {folder}/id.pub\nStrictModes no\n"
                "UsePAM no\nUseDNS no\nPermitRootLogin yes\nMaxStartups 500:30:500\n"
                "SetEnv SHLVL=5\n"  # bash then reads no ~/.bashrc, whose cost is not ours
                + "".join(f"ListenAddress {address}\n" for address in group)
            )
            daemons.append(subprocess.Popen([sshd, "-D", "-f", str(config)], stderr=subprocess.DEVNULL))
        known.write_text("\n".join(lines) + "\n")
        for address in addresses[::ADDRESSES]:
            while socket.socket().connect_ex((address, port)):
                time.sleep(0.02)
        shared = {"port": port, "user": user_name(), "identities": (str(identity),), "known_hosts": (str(known),)}
        yield [Machine("bench", address, address, **shared) for address in addresses]  # type: ignore[arg-type]
    finally:
        for daemon in daemons:
            daemon.kill()
            daemon.wait()


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
