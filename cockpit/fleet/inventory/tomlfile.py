"""Hosts as `[[fleet.hosts]]` has them, and TOML files with `[[hosts]]` of the same keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from cockpit.config import settings
from cockpit.fleet.inventory.files import contents
from cockpit.fleet.inventory.said import Said, paths
from cockpit.model import errors


class File(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A TOML inventory."""

    hosts: list[settings.Host] = []


def read(path: Path) -> list[Said]:
    """Blocking. Raises model.errors."""
    try:
        return list(said(msgspec.convert(tomllib.loads(contents(path)), File).hosts))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise errors.Malformed(str(error)) from error
    except RecursionError as error:
        raise errors.Malformed("its arrays are nested too deep") from error


def said(hosts: Iterable[settings.Host]) -> Iterator[Said]:
    """What they say: everything, for a key that is not written has its default."""
    for host in hosts:
        yield Said(
            name=host.name,
            address=host.address or None,
            port=host.port,
            user=host.user or None,
            identities=paths([host.identity]) if host.identity else None,
            certificates=paths([host.certificate]) if host.certificate else None,
            known_hosts=paths([host.known_hosts]) if host.known_hosts else (),
            jump=host.jump or None,
            roles=(*host.roles, *(group for group in host.groups if group not in host.roles)),
            env=host.env,
            labels=tuple(sorted(host.labels.items())),
            transport=host.transport,
            production=host.production,
            read_only=host.read_only,
        )
