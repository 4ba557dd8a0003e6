"""Where the machines come from: `[[fleet.hosts]]`, TOML files and OpenSSH client configurations."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from cockpit.config import settings
from cockpit.fleet.inventory import sshconfig
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.model import errors
from cockpit.model.user import user_name

CONFIG = "config"
"""The source of `[[fleet.hosts]]`."""


class File(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A TOML inventory."""

    hosts: list[settings.Host] = []


class Contents(Struct, frozen=True):
    """What one source holds, and what would change when it changes."""

    machines: tuple[Machine, ...]
    stamped: tuple[tuple[str, int, int], ...] = ()

    def changed(self) -> bool:
        """Whether a file behind it is another by now. Does file I/O: call it in a thread."""
        return bool(self.stamped) and stamp(path for path, _, _ in self.stamped) != self.stamped


def sources(fleet: settings.Fleet) -> tuple[str, ...]:
    """The names of the configured sources, in the order in which they win."""
    files = dict.fromkeys(fleet.inventories)
    return (*((CONFIG,) if fleet.hosts else ()), *files)


def read(fleet: settings.Fleet, source: str) -> Contents:
    """One source as it is now. Does file I/O: call it in a thread. Raises model.errors."""
    if source == CONFIG:
        return Contents(_machines(fleet.hosts, source, fleet))
    path = Path(source).expanduser()
    if path.suffix != ".toml":
        machines, files = sshconfig.read(path, source)
        marked = tuple(
            msgspec.structs.replace(m, production=fleet.production, read_only=fleet.read_only) for m in machines
        )
        return Contents(marked, stamp(files))
    stamped = stamp([str(path)])
    try:
        hosts = msgspec.convert(tomllib.loads(path.read_text()), File).hosts
    except FileNotFoundError as error:
        raise errors.NotFound(f"{path} does not exist; create it or remove it from fleet.inventories") from error
    except OSError as error:
        raise errors.Denied(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"{path}: {error}") from error
    return Contents(_machines(hosts, source, fleet), stamped)


def _machines(hosts: Sequence[settings.Host], source: str, fleet: settings.Fleet) -> tuple[Machine, ...]:
    found: dict[str, Machine] = {}
    for host in hosts:
        if not host.name:
            raise errors.Malformed(f"{source}: a host has an empty name")
        if host.name in found:
            raise errors.Malformed(f"{source}: the host {host.name!r} is there twice")
        found[host.name] = _machine(host, source, fleet)
    return tuple(found.values())


def _machine(host: settings.Host, source: str, fleet: settings.Fleet) -> Machine:
    address = host.address or host.name
    return Machine(
        source=source,
        name=host.name,
        address="localhost" if host.transport == "local" and not host.address else address,
        port=host.port,
        user=host.user or user_name(),
        identities=(str(Path(host.identity).expanduser()),) if host.identity else (),
        known_hosts=(str(Path(host.known_hosts).expanduser()),) if host.known_hosts else (),
        roles=tuple(host.roles),
        env=host.env,
        transport=host.transport,
        production=host.production or fleet.production,
        read_only=host.read_only or fleet.read_only,
        unsupported="" if 0 < host.port < 65536 else f"port {host.port}",
    )
