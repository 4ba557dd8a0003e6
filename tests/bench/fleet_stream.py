"""Much output of many hosts at once: python tests/bench/fleet_stream.py [HOSTS] [MB]

Each host says the same file of so many MB, in lines of 100 bytes; 100 hosts and 10 MB by default. The engine alone with
nowhere to put it, then whole commands: `cockpit fleet exec` with journal, record and spill files, whose digests must
be that of the file; `xargs ssh > file`; and clush --outdir, which gets a tenth of the hosts, for it takes minutes.
A line a client: wall and CPU seconds (of the client's processes), and the most memory they had at once (PSS).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from fleet_cold import FORKS, KEX, cockpit_config
from sshd_hosts import hosts

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import sent
from cockpit.fleet.machine import Machine

DRAIN = "--drain"


def source(path: Path, megabytes: int) -> str:
    """The file's digest."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(megabytes * 10_000):
            line = f"{number:08} {'the quick brown fox jumps over the lazy dog ' * 3}"[:99].encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


class Memory:
    """The most that a process and its descendants had at once, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self.most_bytes = 0
        self._pid, self._over = pid, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.most_bytes = max(self.most_bytes, sum(map(_pss, _family(self._pid))))


def _family(pid: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def _pss(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def measured(name: str, command: Sequence[str], environment: dict[str, str]) -> float:
    """Its wall seconds, with a line printed."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment) as process:
        memory = Memory(process.pid)
        code = process.wait()
        memory.end()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        sys.exit(f"{name} ended with {code}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:<16} {wall:7.2f} s wall {cpu:7.2f} s CPU {memory.most_bytes / 2**20:6.0f} MiB", flush=True)
    return wall


async def drained(machines: list[Machine], command: str) -> None:
    """The engine alone."""

    async def one(pool: Pool, machine: Machine) -> int:
        size = 0
        async with sent(pool, machine, command) as remote:
            while (chunk := await remote.read()) is not None:
                size += len(chunk.data)
        assert remote.ending.status == 0
        return size

    async with Pool().used() as pool:
        sizes = await asyncio.gather(*(one(pool, machine) for machine in machines))
    assert len(set(sizes)) == 1


def peers(folder: Path, machines: list[Machine], file: Path) -> tuple[list[str], list[str] | None, int]:
    """xargs' command line; clush's, and how many hosts it gets."""
    first, output = machines[0], folder / "peers"
    output.mkdir()
    options = f"-i {first.identities[0]} -p {first.port} -o UserKnownHostsFile={first.known_hosts[0]} -o BatchMode=yes"
    names = folder / "names"
    names.write_text("".join(f"{machine.address}\n" for machine in machines))
    few = max(1, len(machines) // 10)
    xargs = f"xargs -a {names} -P{FORKS} -I@ sh -c 'ssh -n {options} {KEX} @ cat {file} > {output}/@'"
    clush = shutil.which("clush")
    listed = ",".join(machine.address for machine in machines[:few])
    return (
        ["sh", "-c", xargs],
        [clush, "-q", "-f", str(FORKS), "-w", listed, "--outdir", str(output), "-o", f"{options} {KEX}", f"cat {file}"]
        if clush
        else None,
        few,
    )


def check(state: Path, digest: str, count: int) -> None:
    """What is on disk is what was said."""
    for record in state.glob("fleet/runs/*/run.jsonl"):
        lines = [json.loads(line) for line in record.read_text().splitlines()]
        digests = [line["stdout_digest"] for line in lines if "stdout_digest" in line]
        assert digests == [digest] * count, digests[:2]
    spills = list(state.glob("fleet/runs/*/output/*.out"))
    assert len(spills) == count
    assert {hashlib.sha256(spill.read_bytes()).hexdigest() for spill in spills} == {digest}


def main() -> None:
    if sys.argv[1:2] == [DRAIN]:
        machines = msgspec.json.decode(Path(sys.argv[2]).read_bytes(), type=list[Machine])
        asyncio.run(drained(machines, sys.argv[3]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name, hosts(Path(name), count) as machines:
        folder = Path(name)
        file, state, config = folder / "said", folder / "state", cockpit_config(folder, machines)
        digest = source(file, megabytes)
        environment = {**os.environ, "COCKPIT_STATE_DIR": str(state)}
        listed = folder / "machines"
        listed.write_bytes(msgspec.json.encode(machines))
        measured("cockpit, no sink", [sys.executable, __file__, DRAIN, str(listed), f"cat {file}"], environment)
        run = [sys.executable, "-m", "cockpit", "--config", str(config), "fleet", "exec", "h*", "--format", "json"]
        wall = measured("cockpit", [*run, "--timeout", "600", "--", f"cat {file}"], environment)
        check(state, digest, count)
        xargs, clush, few = peers(folder, machines, file)
        base = measured("xargs ssh > file", xargs, environment)
        print(f"cockpit takes {wall / base:.2f} times as long as xargs ssh > file")
        if clush is not None:
            slow = measured(f"clush, {few} hosts", clush, environment) * count / few
            print(f"clush would take {slow:.0f} s for {count}: cockpit is {slow / wall:.0f} times as fast")


if __name__ == "__main__":
    main()
