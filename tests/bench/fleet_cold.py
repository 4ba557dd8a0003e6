"""`true` on many hosts as whole commands: python tests/bench/fleet_cold.py [HOSTS] [ROUNDS]

Real sshd daemons with 16 loopback addresses each; every client connects, checks the host key, runs and closes. cockpit
runs with its journal, run record and spill on. A line a client: the best wall time of the rounds, the client's CPU in
that round (of all its processes, its start included) for each host, and both as a multiple of `xargs ssh`.

clush and ansible are left out where they are not installed (clustershell; ansible-core).
"""

from __future__ import annotations

import compileall
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sshd_hosts import hosts

from cockpit.fleet.machine import Machine

FORKS = 50
KEX = "-o KexAlgorithms=curve25519-sha256"


def cockpit_config(folder: Path, machines: list[Machine]) -> Path:
    config = folder / "cockpit.toml"
    config.write_text(
        "".join(
            f'[[fleet.hosts]]\nname = "h{number:04}"\naddress = "{machine.address}"\nport = {machine.port}\n'
            f'user = "{machine.user}"\nidentity = "{machine.identities[0]}"\nknown_hosts = "{machine.known_hosts[0]}"\n'
            for number, machine in enumerate(machines)
        )
    )
    return config


def clients(folder: Path, machines: list[Machine]) -> dict[str, list[str]]:
    """Name -> command line. Each one's fan-out is 50, but for cockpit's, which is its own default."""
    first = machines[0]
    options = f"-i {first.identities[0]} -p {first.port} -o UserKnownHostsFile={first.known_hosts[0]} -o BatchMode=yes"
    names = folder / "names"
    names.write_text("".join(f"{machine.address}\n" for machine in machines))
    inventory = folder / "inventory"
    inventory.write_text(
        "[all:vars]\n"
        f"ansible_port={first.port}\nansible_ssh_private_key_file={first.identities[0]}\n"
        f"ansible_ssh_common_args='-o UserKnownHostsFile={first.known_hosts[0]} {KEX} -o ControlMaster=no'\n"
        "[hosts]\n" + names.read_text()
    )
    config = cockpit_config(folder, machines)
    compileall.compile_dir(Path(__file__).parents[2] / "cockpit", quiet=1)  # as an installed one is
    cockpit = [sys.executable, "-m", "cockpit", "--config", str(config), "fleet", "exec"]
    found = {
        "xargs ssh": ["sh", "-c", f"xargs -a {names} -P{FORKS} -I@ ssh -n {options} {KEX} @ true"],
        "cockpit": [*cockpit, "h*", "--format", "json", "--", "true"],
    }
    if clush := shutil.which("clush"):
        found["clush"] = [clush, "-q", "-f", str(FORKS), "--hostfile", str(names), "-o", f"{options} {KEX}", "true"]
    if ansible := shutil.which("ansible"):
        found["ansible raw"] = [ansible, "-i", str(inventory), "all", "-f", str(FORKS), "-m", "raw", "-a", "true"]
    return found


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of a command and its children, which must end well."""
    environment = {**os.environ, "COCKPIT_STATE_DIR": str(folder / "state"), "ANSIBLE_HOST_KEY_CHECKING": "True"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode:
        sys.exit(f"{command[:4]} ended with {ran.returncode}: {ran.stdout[-300:]} {ran.stderr[-600:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as name, hosts(Path(name), count) as machines:
        folder = Path(name)
        figures: dict[str, list[tuple[float, float]]] = {}
        for number in range(rounds):
            for client, command in clients(folder, machines).items():
                if client != "ansible raw" or not number:  # half a minute: once is enough
                    figures.setdefault(client, []).append(measured(command, folder))
        base_wall, base_cpu = min(figures["xargs ssh"])
        for client, rows in figures.items():
            wall, cpu = min(rows)
            print(
                f"{client:<12} {wall:6.2f} s {cpu / count * 1000:6.2f} ms CPU a host"
                f"   cockpit is at {min(figures['cockpit'])[0] / wall:.2f}x its wall,"
                f" {min(figures['cockpit'])[1] / cpu:.3f}x its CPU"
            )
        print(f"xargs ssh is the base: {base_wall:.2f} s, {base_cpu:.2f} s CPU; best of {rounds}")


if __name__ == "__main__":
    main()
