"""Hosts of an OpenSSH client configuration, as `ssh` itself would reach them (ssh_config(5), OpenSSH 9.2 and later).

A configuration is parsed once and indexed by the hosts that it names; each host is then resolved by the segments that
can concern it. `ssh -G` is the measure: the tests compare every keyword with it. What cockpit does not honour stands in
the notes of the host, and where ssh would refuse, or cockpit cannot connect, `Machine.unsupported` says why.

The commands of `Match exec` are run, as ssh runs them, when the inventory is read, in the thread that reads it; see
outside.py for their time-outs. Where they, DNS or our own addresses decide, the answer is that of the last reading, and
`Parsed.asks` says that it may be another one by now.
"""

from __future__ import annotations

from pathlib import Path

from cockpit.fleet.inventory.sshconfig.machines import Machines
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import parse
from cockpit.fleet.inventory.sshconfig.tokens import Local
from cockpit.fleet.machine import Machine


def read(path: Path, source: str) -> tuple[list[Machine], list[str], bool]:
    """The hosts of a configuration, the files and folders that change when it does, and `Parsed.asks`.

    Does file I/O, and asks what the configuration asks: call it in a thread. Raises model.errors.
    """
    local = Local.here()
    parsed = parse(path, local)
    machines = Machines(parsed, source, local=local, outside=Outside()).all(parsed.names)
    return machines, list(parsed.watched), parsed.asks
