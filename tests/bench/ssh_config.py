"""1,000 hosts in 1,000 Host blocks, resolved: python tests/bench/ssh_config.py [HOSTS]

CPU seconds of one reading, file and all, the best of several, beside asyncssh's `config=[path]` and `ssh -G`. These two
read the whole file again for each host: they do so for a few hosts, and the figure for all is extrapolated.
"""

from __future__ import annotations

import gc
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh

from cockpit.fleet.inventory import sshconfig
from cockpit.fleet.inventory.sshconfig.parse import parse
from cockpit.fleet.inventory.sshconfig.tokens import Local

RUNS = 7
SAMPLED = 20
"""Hosts that the peers resolve."""
BLOCK = "Host h{n}\n    HostName 10.0.{high}.{low}\n    User ops\n    Port 2222\n"
REST = {
    "plain": "Host h*5\n    Compression yes\nHost *\n    IdentityFile ~/.ssh/fleet\n    ServerAliveInterval 30\n",
    "tokens, a bastion, Match": (
        "Match host 10.0.1.* user ops\n    ConnectTimeout 5\nHost gate\n    HostName 10.9.9.9\n"
        "Host h*\n    ProxyJump gate\nHost *\n    IdentityFile ~/.ssh/%r@%h\n    UserKnownHostsFile ~/.ssh/known_%n\n"
    ),
}


def cpu(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def best(run: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    found = []
    for _ in range(RUNS):
        gc.collect()
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return min(found)


def by_asyncssh(path: Path, names: list[str]) -> float:
    started = time.process_time()
    for name in names:
        asyncssh.SSHClientConnectionOptions(host=name, config=[str(path)], client_keys=None, agent_path=None)
    return (time.process_time() - started) / len(names)


def by_ssh(path: Path, names: list[str]) -> float:
    started = cpu(resource.RUSAGE_CHILDREN)
    for name in names:
        subprocess.run(
            ["ssh", "-G", "-F", str(path), name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True
        )
    return (cpu(resource.RUSAGE_CHILDREN) - started) / len(names)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    blocks = "".join(BLOCK.format(n=n, high=n // 250, low=n % 250) for n in range(count))
    names = [f"h{n}" for n in range(0, count, max(1, count // SAMPLED))]
    with tempfile.TemporaryDirectory() as folder:
        for title, rest in REST.items():
            path = Path(folder) / "config"
            path.write_text(blocks + rest)
            parsing = best(lambda path=path: parse(path, Local.here()))
            ours = best(lambda path=path: sshconfig.read(path, "bench"))
            print(f"{title}: {count} hosts, {len((blocks + rest).splitlines())} lines")
            print(f"  cockpit   {ours * 1e3:9.1f} ms, of which parsing {parsing * 1e3:.1f}")
            peers = {"asyncssh": by_asyncssh(path, names)}
            if shutil.which("ssh"):
                peers["ssh -G"] = by_ssh(path, names)
            for peer, each in peers.items():
                print(
                    f"  {peer:9} {each * count * 1e3:9.1f} ms, {each * count / ours:5.0f} x cockpit "
                    f"({each * 1e3:.1f} ms a host, extrapolated from {len(names)})"
                )


if __name__ == "__main__":
    main()
