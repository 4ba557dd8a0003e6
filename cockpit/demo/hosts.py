"""The demo's six SSH hosts on loopback: real servers, real commands, keys made for this run; two of them misbehave.

Each is a process of its own, in bubblewrap where that works: root read-only, home and /tmp of its own, no network, own
process list and host name. Elsewhere the commands run with a private HOME, and a standing warning says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
from msgspec import Struct

import cockpit
from cockpit.demo.child import die_with_parent, ready_until_orphaned
from cockpit.model.user import user_name

WARNING = "commands run on this machine as you"
READY_SECONDS = 30.0
SANDBOX_HOME = "/tmp/home"


class Spec(Struct, frozen=True):
    """One host."""

    name: str
    roles: tuple[str, ...]
    env: str
    production: bool = False
    delay_seconds: float = 0.0
    """Before each command."""
    drops_after_seconds: float | None = None
    """Cuts each connection so long after it was made."""
    changed_key: bool = False
    """known_hosts has another key for it."""


HOSTS = (
    Spec("web1", ("web",), "staging"),
    Spec("web2", ("web",), "staging"),
    Spec("api1", ("api",), "staging"),
    Spec("db1", ("db",), "prod", production=True),
    Spec("db2", ("db",), "staging", delay_seconds=1.5, drops_after_seconds=45.0),
    Spec("cache1", ("cache",), "staging", changed_key=True),
)


def sandbox(name: str) -> list[str]:
    """The command line of bubblewrap that a host's server is put behind."""
    home = os.path.realpath(os.path.expanduser("~"))
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--hostname", name]
    command += [
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/tmp",
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/var/log",
    ]
    command += ["--dir", SANDBOX_HOME]
    if home not in ("/", "/tmp"):
        command += ["--tmpfs", home]
    for path in dict.fromkeys((sys.base_prefix, sys.prefix, os.path.realpath(sys.prefix), _root())):
        command += ["--ro-bind", path, path]
    return [*command, "--chdir", SANDBOX_HOME]


def sandbox_works() -> bool:
    """Whether bubblewrap is installed, may be used here, and leaves our Python reachable."""
    if shutil.which("bwrap") is None:
        return False
    probe = [*sandbox("probe"), sys.executable, "-c", "import cockpit.demo.child"]
    try:
        done = subprocess.run(probe, stdin=subprocess.DEVNULL, capture_output=True, timeout=10, env=_environment())
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _environment() -> dict[str, str]:
    """The server imports cockpit from where we did, wherever it is started."""
    return {**os.environ, "PYTHONPATH": _root(), "PYTHONDONTWRITEBYTECODE": "1"}


def _root() -> str:
    """The folder that the package `cockpit` is in."""
    return os.path.dirname(os.path.realpath(cockpit.__path__[0]))


class _Server:
    """A host's process."""

    def __init__(self, spec: Spec, folder: Path, client_key: str, *, sandboxed: bool) -> None:
        self.spec = spec
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        home = folder / spec.name
        home.mkdir(mode=0o700)
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            self.port = int(listener.getsockname()[1])
            descriptor = listener.fileno()
            command = [sys.executable, "-m", "cockpit.demo.sshhost", str(descriptor)]
            self.process = subprocess.Popen(
                [*sandbox(spec.name), *command] if sandboxed else command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(descriptor,),
                env=_environment(),
                start_new_session=True,
            )
        facts = {
            **msgspec.to_builtins(spec),
            "host_key": self.key.export_private_key().decode(),
            "client_key": client_key,
            "home": SANDBOX_HOME if sandboxed else str(home),
            "tmp": "/tmp" if sandboxed else str(home),
            "log": "/var/log/syslog" if sandboxed else "",
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(facts).encode() + b"\n")
        self.process.stdin.flush()

    def ready(self) -> None:
        """Wait for it. Raises RuntimeError when it died instead."""
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            raise RuntimeError(f"the SSH server of {self.spec.name} ended with {self.process.wait()}")

    def trusted(self) -> str:
        """Its line in known_hosts."""
        key = asyncssh.generate_private_key("ssh-ed25519") if self.spec.changed_key else self.key
        kind, blob = key.export_public_key().decode().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {blob}\n"

    def facts(self) -> dict[str, Any]:
        """As `[[fleet.hosts]]` has it."""
        return {
            "name": self.spec.name,
            "address": "127.0.0.1",
            "port": self.port,
            "user": user_name(),
            "roles": list(self.spec.roles),
            "env": self.spec.env,
            "production": self.spec.production,
        }

    def stop(self) -> None:
        """Its stdin ends; what does not follow is killed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


async def main(folder: Path) -> None:
    """Start the hosts, announce them, stop them at the end."""
    os.umask(0o077)
    client = asyncssh.generate_private_key("ssh-ed25519")
    identity, known_hosts = folder / "id_ed25519", folder / "known_hosts"
    identity.write_bytes(client.export_private_key())
    sandboxed = await asyncio.to_thread(sandbox_works)
    public = client.export_public_key().decode()
    servers: list[_Server] = []
    try:
        for spec in HOSTS:
            servers.append(await asyncio.to_thread(_Server, spec, folder, public, sandboxed=sandboxed))
        async with asyncio.timeout(READY_SECONDS):
            await asyncio.gather(*(asyncio.to_thread(server.ready) for server in servers))
        known_hosts.write_text("".join(server.trusted() for server in servers))
        await ready_until_orphaned(
            {
                "hosts": [server.facts() for server in servers],
                "known_hosts": str(known_hosts),
                "identity": str(identity),
                "isolation": "bubblewrap" if sandboxed else "none",
                "warning": "" if sandboxed else WARNING,
            }
        )
    finally:
        for server in servers:
            server.stop()


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(Path(sys.argv[1])))
