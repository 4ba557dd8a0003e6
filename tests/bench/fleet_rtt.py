"""One command on many hosts that are 50 ms away: python tests/bench/fleet_rtt.py [HOSTS]

The hosts of fleet_batch.py behind a proxy process that holds back each byte by half a round trip. Peers in the same
run, where they are installed (pip install parallel-ssh paramiko): parallel-ssh, and a pool of five paramiko clients.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace
from sshd_hosts import hosts

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import answer
from cockpit.fleet.machine import Machine

RTT_SECONDS = 0.05
FORKS = 200


class Pipe(asyncio.Protocol):
    """One side of a proxied connection: what comes in goes out on the other one, half a round trip later."""

    def __init__(self) -> None:
        self.other: Pipe | None = None
        self._transport: asyncio.Transport | None = None
        self._late: deque[bytes] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        while self._late:
            self.write(self._late.popleft())

    def data_received(self, data: bytes) -> None:
        asyncio.get_running_loop().call_later(RTT_SECONDS / 2, self._pass_on, data)

    def connection_lost(self, exc: Exception | None) -> None:
        asyncio.get_running_loop().call_later(RTT_SECONDS / 2, self._pass_on, b"")

    def _pass_on(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def write(self, data: bytes) -> None:
        if self._transport is None:
            self._late.append(data)
        elif data:
            self._transport.write(data)
        else:
            self._transport.close()


async def proxy(port: int, addresses: list[str]) -> None:
    """127.2.x.y stands for 127.1.x.y. The connection itself costs a round trip too: the first byte waits for it."""
    loop = asyncio.get_running_loop()

    def front(address: str) -> Pipe:
        near, far = Pipe(), Pipe()
        near.other, far.other = far, near

        async def connect() -> None:
            await asyncio.sleep(RTT_SECONDS)
            with suppress(OSError):
                await loop.create_connection(lambda: far, address, port)

        near.task = asyncio.ensure_future(connect())  # type: ignore[attr-defined]
        return near

    for address in addresses:
        await loop.create_server(lambda a=address: front(a), address.replace("127.1.", "127.2.", 1), port, backlog=512)
    print("ready", flush=True)
    await asyncio.Event().wait()


async def ours(machines: list[Machine]) -> float:
    async with Pool(connect_seconds=60).used() as pool:
        gate = asyncio.Semaphore(FORKS)

        async def one(machine: Machine) -> None:
            async with gate:
                assert await answer(pool, machine, "echo ok", seconds=60) == b"ok\n"

        started = time.perf_counter()
        await asyncio.gather(*(one(machine) for machine in machines))
        return time.perf_counter() - started


def parallel_ssh(machines: list[Machine]) -> float:
    from pssh.clients import ParallelSSHClient

    first = machines[0]
    client = ParallelSSHClient(
        [m.address for m in machines], user=first.user, pkey=first.identities[0], port=first.port, pool_size=FORKS,
        allow_agent=False, timeout=60,
    )  # fmt: skip
    started = time.perf_counter()
    for output in client.run_command("echo ok"):
        assert list(output.stdout) == ["ok"]
    return time.perf_counter() - started


def paramiko_five(machines: list[Machine]) -> float:
    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(machines[0].identities[0])

    def one(machine: Machine) -> None:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(machine.address, machine.port, machine.user, pkey=key, allow_agent=False, look_for_keys=False)
        assert client.exec_command("echo ok")[1].read() == b"ok\n"
        client.close()

    started = time.perf_counter()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(one, machines))
    return time.perf_counter() - started


def main() -> None:
    if sys.argv[1:2] == ["proxy"]:
        asyncio.run(proxy(int(sys.argv[2]), sys.argv[3:]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder, hosts(Path(folder), count) as machines:
        known = Path(folder) / "known_hosts"
        known.write_text(known.read_text() + known.read_text().replace("[127.1.", "[127.2."))
        command = [sys.executable, __file__, "proxy", str(machines[0].port), *(machine.address for machine in machines)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None and process.stdout.readline() == "ready\n"
                far = [replace(m, address=m.address.replace("127.1.", "127.2.", 1)) for m in machines]
                print(f"cockpit: {min(asyncio.run(ours(far)) for _ in range(3)):.2f} s")
                peers: dict[str, Callable[[list[Machine]], float]] = {
                    "parallel-ssh": parallel_ssh,
                    "paramiko, pool of 5": paramiko_five,
                }
                for name, peer in peers.items():
                    try:
                        print(f"{name}: {peer(far):.2f} s")
                    except ImportError:
                        print(f"{name}: not installed")
            finally:
                process.kill()


if __name__ == "__main__":
    main()
