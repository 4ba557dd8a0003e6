"""What the files of the inventories name, before anybody asks where that is: nothing is run, no name is looked up."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cockpit.config import settings
from cockpit.fleet.inventory import csvfile, tomlfile
from cockpit.fleet.inventory.read import CONFIG, kind_of, sources
from cockpit.fleet.inventory.said import Said
from cockpit.fleet.inventory.sshconfig.parse import parse
from cockpit.fleet.inventory.sshconfig.tokens import Local
from cockpit.model import errors


def glance(fleet: settings.Fleet) -> list[Said]:
    """The hosts of what can be read of the inventories, in the order in which they win. Does file I/O; never raises
    for what stands in a file.
    """
    found: dict[str, Said] = {}
    for source in sources(fleet):
        try:
            for host in _said(fleet, source):
                found.setdefault(host.name, host)
        except (errors.SourceError, OSError):
            continue
    return list(found.values())


def _said(fleet: settings.Fleet, source: str) -> Iterable[Said]:
    if source == CONFIG:
        return tomlfile.said(fleet.hosts)
    kind, place = kind_of(source)
    path = Path(place)
    match kind:
        case "toml":
            return tomlfile.read(path)
        case "csv":
            return csvfile.read(path)
        case "ansible":
            return _ansible(path)
        case "ssh_config":
            return [Said(name=name) for name in parse(path, Local.here()).names]
        case _:  # a program would have to be run
            return ()


def _ansible(path: Path) -> Iterable[Said]:
    from cockpit.fleet.inventory.ansible import folder, machines

    reading = folder.Reading(path, dict.fromkeys(folder.programs(path), b"{}"))
    return machines.hosts(reading.tree, reading.variables)
