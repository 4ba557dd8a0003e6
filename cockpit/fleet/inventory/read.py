"""Where the machines come from: `[[fleet.hosts]]` and the entries of `fleet.inventories`, each in its format."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from cockpit.config import settings
from cockpit.config.inventories import split
from cockpit.fleet.inventory import command, csvfile, sshconfig, tomlfile
from cockpit.fleet.inventory.files import is_program, malformed
from cockpit.fleet.inventory.said import Said
from cockpit.fleet.inventory.said import machines as resolved
from cockpit.fleet.inventory.ssh import Ssh
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.model import errors

CONFIG = "config"
"""The source of `[[fleet.hosts]]`."""
COMMAND_SECONDS = 60.0
"""How long what a program has printed, or what `Match exec` and DNS have answered, is taken for true."""
_SUFFIXES = {
    ".toml": "toml", ".csv": "csv", ".ini": "ansible", ".yml": "ansible", ".yaml": "ansible", ".json": "ansible",
}  # fmt: skip
_NAMES = frozenset({"hosts", "inventory"})


Stamps = tuple[tuple[str, int, int], ...]


class Contents(Struct, frozen=True):
    """What one source holds, and what would change when it changes."""

    machines: tuple[Machine, ...]
    stamped: Stamps = ()
    notes: tuple[str, ...] = ()
    """What of it was left out, a line each."""
    until: float | None = None
    """On the monotonic clock: when a program, or what ssh_config asks, is asked again."""

    def changed(self) -> bool:
        """Whether it may say something else by now. Does file I/O: call it in a thread."""
        if self.until is not None and time.monotonic() >= self.until:
            return True
        return bool(self.stamped) and stamp(path for path, _, _ in self.stamped) != self.stamped


def sources(fleet: settings.Fleet) -> tuple[str, ...]:
    """The names of the configured sources, in the order in which they win."""
    files = dict.fromkeys(fleet.inventories)
    return (*((CONFIG,) if fleet.hosts else ()), *files)


def kind_of(entry: str) -> tuple[str, str]:
    """(format, place) of an entry: as its prefix says, else as the file looks. A path comes without its `~`.

    Does file I/O: call it in a thread. Raises errors.NotFound.
    """
    kind, place = split(entry)
    if kind == "command":
        return kind, place
    try:
        path = Path(place).expanduser()
    except RuntimeError as error:
        raise errors.NotFound(f"{place}: there is no such user here, so no home folder") from error
    if not kind:
        kind = _SUFFIXES.get(path.suffix, "")
    if not kind and is_program(path):
        kind = "program"
    if not kind:
        kind = "ansible" if path.is_dir() or path.name in _NAMES else "ssh_config"
    return kind, str(path)


async def read(fleet: settings.Fleet, source: str) -> Contents:
    """One source as it is now. Raises model.errors."""
    if source == CONFIG:
        return await asyncio.to_thread(_configured, fleet)
    try:
        kind, place = await asyncio.to_thread(kind_of, source)
        match kind:
            case "command":
                return await _printed(command.words(place), fleet, source)
            case "program":
                return await _printed([place, "--list"], fleet, source)
            case "ansible":
                return await _ansible(Path(place), fleet, source)
        return await asyncio.to_thread(_file, kind, Path(place), fleet, source)
    except OSError as error:
        raise errors.Denied(f"cannot read {error.filename or source}: {error.strerror}") from error


def _configured(fleet: settings.Fleet) -> Contents:
    with malformed("fleet.hosts"):
        return Contents(resolved(tomlfile.said(fleet.hosts), CONFIG, fleet, Ssh("none")))


def _file(kind: str, path: Path, fleet: settings.Fleet, source: str) -> Contents:
    if kind == "ssh_config":
        found, files, asks = sshconfig.read(path, source)
        marked = tuple(replace(m, production=fleet.production, read_only=fleet.read_only) for m in found)
        return Contents(marked, stamp(files), until=_until(asks))
    stamped = stamp([str(path)])
    with malformed(path):
        if kind == "toml":
            return Contents(resolved(tomlfile.read(path), source, fleet, Ssh("none")), stamped)
        return _completed(csvfile.read(path), fleet, source, stamped)


def _completed(
    said: Iterable[Said], fleet: settings.Fleet, source: str, stamped: Stamps, notes: tuple[str, ...] = ()
) -> Contents:
    """With what ssh_config says of these hosts."""
    ssh = Ssh()
    found = resolved(said, source, fleet, ssh)
    return Contents(found, (*stamped, *stamp(ssh.watched)), notes, _until(ssh.asks))


def _until(asks: bool) -> float | None:
    return time.monotonic() + COMMAND_SECONDS if asks else None


async def _printed(arguments: list[str], fleet: settings.Fleet, source: str) -> Contents:
    said = await command.output(arguments)
    contents = await asyncio.to_thread(_listed, said, arguments[0], fleet, source)
    return replace(contents, until=time.monotonic() + COMMAND_SECONDS)


def _listed(said: bytes, program: str, fleet: settings.Fleet, source: str) -> Contents:
    from cockpit.fleet.inventory.ansible import machines
    from cockpit.fleet.inventory.ansible.listing import read as read_listing
    from cockpit.fleet.inventory.ansible.tree import Tree

    tree = Tree()
    with malformed(program):
        read_listing(said, tree)
        tree.settle()
        hosts = machines.hosts(tree, tree.variables({}, {}))
        return _completed(hosts, fleet, source, (), tuple(tree.notes))


async def _ansible(path: Path, fleet: settings.Fleet, source: str) -> Contents:
    from cockpit.fleet.inventory.ansible import folder  # PyYAML takes 20 ms to import, for those who have such files

    programs = await asyncio.to_thread(folder.programs, path)
    printed = {program: await command.output([str(program), "--list"]) for program in programs}
    contents = await asyncio.to_thread(_folder, path, printed, fleet, source)
    return replace(contents, until=time.monotonic() + COMMAND_SECONDS) if programs else contents


def _folder(path: Path, printed: dict[Path, bytes], fleet: settings.Fleet, source: str) -> Contents:
    from cockpit.fleet.inventory.ansible import folder, machines

    reading = folder.Reading(path, printed)
    with malformed(path):
        hosts = machines.hosts(reading.tree, reading.variables)
        return _completed(hosts, fleet, source, reading.stamped, reading.notes)
