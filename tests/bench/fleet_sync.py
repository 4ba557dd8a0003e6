"""Files to a host and back, beside rsync and scp in the same run: python tests/bench/fleet_sync.py [ROUNDS]

One real sshd on loopback, its key checked. Ours runs over a connection that is kept, which is what the program has;
rsync and scp are measured as people run them (a connection each time), and rsync also over a kept ControlMaster.
Best of the rounds, the clients taking turns. A tree is 10,000 files in 1,000 folders (53 MB on the disk).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files.fetch import Fetch, Fetching
from cockpit.fleet.files.orders import Sending, Way
from cockpit.fleet.files.send import Send
from cockpit.fleet.files.tree import Excludes, gather, walk
from cockpit.fleet.machine import Machine
from cockpit.model.user import user_name

FILES, BIG_BYTES = 10_000, 100 * 2**20
AIMS = {"no change": 0.6, "new tree": 1.4, "100 MB put": 1.0, "100 MB get": 1.0}
"""Ours by rsync's at most."""


@contextmanager
def host(folder: Path) -> Iterator[Machine]:
    sshd = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin") or sys.exit("sshd is missing")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("id", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    config = folder / "config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\nUseDNS no\n"
        f"AuthorizedKeysFile {folder}/id.pub\nStrictModes no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n"
        "SetEnv SHLVL=5\n"  # bash then reads no ~/.bashrc, whose cost is not ours
    )
    known = folder / "known"
    known.write_text(f"[127.0.0.1]:{port} {' '.join((folder / 'host.pub').read_text().split()[:2])}\n")
    daemon = subprocess.Popen([sshd, "-D", "-f", str(config)], stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.02)
        facts = {"port": port, "user": user_name(), "identities": (f"{folder}/id",), "known_hosts": (str(known),)}
        yield Machine("bench", "host", "127.0.0.1", **facts)  # type: ignore[arg-type]
    finally:
        daemon.kill()
        daemon.wait()


def fill(root: Path) -> None:
    dice = random.Random(1)
    for number in range(FILES):
        folder = root / f"d{number % 100:02d}" / f"e{number // 100 % 10}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"file{number:05d}.txt").write_bytes(dice.randbytes(dice.choice((500, 2000, 4000, 5000))))


class Bench:
    def __init__(self, folder: Path, machine: Machine, pool: Pool, rounds: int) -> None:
        self.folder, self.machine, self.pool, self.rounds = folder, machine, pool, rounds
        options = f"-i {machine.identities[0]} -p {machine.port} -o UserKnownHostsFile={machine.known_hosts[0]}"
        self.ssh = f"ssh {options} -o BatchMode=yes"
        self.kept = f"{self.ssh} -o ControlMaster=auto -o ControlPersist=60 -S {folder}/master"
        self.scp = ["scp", "-q", *options.replace("-p ", "-P ").split(), "-o", "BatchMode=yes"]
        self.target = folder / "target"

    async def sync(self, source: Path) -> int:
        tree = await asyncio.to_thread(walk, str(source), Excludes())
        order = Sending(way=Way.COPY, tree=tree, remote=os.fsencode(self.target), rsync=shutil.which("rsync") or "")
        return (await Send(self.pool, self.machine, order, lambda *_: None).run()).wire_bytes

    async def put(self, source: Path) -> int:
        order = Sending(way=Way.PUT, tree=gather([str(source)]), remote=os.fsencode(self.target))
        return (await Send(self.pool, self.machine, order, lambda *_: None).run()).wire_bytes

    async def get(self, source: Path) -> int:
        order = Fetching(remote=os.fsencode(source), folder=str(self.target), apart=False)
        return (await Fetch(self.pool, self.machine, order, lambda *_: None).run()).wire_bytes

    def peer(self, *command: str) -> Callable[[], Awaitable[int]]:
        async def run() -> int:
            process = await asyncio.create_subprocess_exec(*command)
            if await process.wait():
                sys.exit(f"{command[0]} failed")
            return 0

        return run

    def rsync(self, source: str, target: str, *, kept: bool = False) -> Callable[[], Awaitable[int]]:
        return self.peer("rsync", "-a", "-e", self.kept if kept else self.ssh, source, target)

    async def row(
        self, name: str, before: Callable[[], None], clients: dict[str, Callable[[], Awaitable[int]]]
    ) -> None:
        best = dict.fromkeys(clients, 1e9)
        wire = 0
        for _ in range(self.rounds):
            for client, run in clients.items():
                before()
                started = time.perf_counter()
                went = await run()
                best[client] = min(best[client], time.perf_counter() - started)
                wire = went if client == "cockpit" else wire
        ours = best.pop("cockpit")
        aim = f" (aim {AIMS[name]})" if name in AIMS else ""
        peers = ", ".join(f"{client} {seconds:.3f} s = {ours / seconds:.2f}x" for client, seconds in best.items())
        print(f"{name}{aim}: cockpit {ours:.3f} s ({wire / 1e6:.2f} MB sent or fetched); {peers}", flush=True)

    def fresh(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)

    async def run(self) -> None:
        tree, big = self.folder / "tree", self.folder / "big"
        fill(tree)
        big.mkdir()
        (big / "file").write_bytes(os.urandom(BIG_BYTES))
        there = f"{self.machine.user}@127.0.0.1:{self.target}"

        def rsyncs(source: Path) -> dict[str, Callable[[], Awaitable[int]]]:
            one, other = self.rsync(f"{source}/", f"{there}/"), self.rsync(f"{source}/", f"{there}/", kept=True)
            return {"cockpit": lambda: self.sync(source), "rsync": one, "rsync over a ControlMaster": other}

        await self.row("new tree", self.fresh, rsyncs(tree))
        await self.row("no change", lambda: None, rsyncs(tree))

        seconds = itertools.count(int(time.time()))

        def ticked(path: Path) -> None:
            """rsync does not see a second change within a second."""
            os.utime(path, (next(seconds), next(seconds)))

        def change() -> None:
            for number in range(0, FILES, FILES // 20):
                path = next(tree.glob(f"d{number % 100:02d}/e{number // 100 % 10}/file{number:05d}.txt"))
                path.write_bytes(os.urandom(3000))
                ticked(path)

        await self.row("20 changed", change, rsyncs(tree))
        self.fresh()
        self.target.mkdir()

        def gone() -> None:
            (self.target / "file").unlink(missing_ok=True)

        put = {
            "cockpit": lambda: self.put(big / "file"),
            "rsync": self.rsync(f"{big}/file", f"{there}/"),
            "scp": self.peer(*self.scp, f"{big}/file", f"{there}/"),
        }
        await self.row("100 MB put", gone, put)
        back = f"{self.machine.user}@127.0.0.1:{big}/file"
        get = {
            "cockpit": lambda: self.get(big / "file"),
            "rsync": self.rsync(back, f"{self.target}/"),
            "scp": self.peer(*self.scp, back, f"{self.target}/"),
        }
        await self.row("100 MB get", gone, get)

        def touch() -> None:
            with (big / "file").open("r+b") as file:
                file.seek(random.randrange(BIG_BYTES - 4096))
                file.write(os.urandom(4096))
            ticked(big / "file")

        await self.row("4 KB in 100 MB", touch, rsyncs(big))
        subprocess.run([*self.kept.split(), "-O", "exit", "127.0.0.1"], stderr=subprocess.DEVNULL)


async def measure(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name, host(Path(name)) as machine:
        async with Pool().used() as pool:
            await pool.link(machine)
            await Bench(Path(name), machine, pool, rounds).run()


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
