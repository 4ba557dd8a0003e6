"""Many hosts for a bench: real sshd daemons on loopback, 16 addresses each, their keys known."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cockpit.fleet.machine import Machine
from cockpit.model.user import user_name

ADDRESSES = 16
"""Listening sockets of one sshd (MAX_LISTEN_SOCKS)."""


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
