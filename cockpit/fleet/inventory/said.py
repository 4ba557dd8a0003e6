"""From what an inventory says of its hosts to machines: what it leaves out is as ssh_config has it, or ssh itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from cockpit.config import settings
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.model.user import user_name

KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
"""ssh's default (ssh_config(5), UserKnownHostsFile)."""
MOST_JUMPS = 16
Lookup = Callable[[str], Machine]
"""The machine that ssh would reach under a name."""
_HOP = re.compile(r"(?:ssh://)?(?:([^@]+)@)?(\[[^\[\]]+\]|[^:@/\s\[\]]+)(?::([0-9]{1,5}))?/?")
_SECRET = re.compile(r"pass(?:word|wd|phrase)?(?:_|$)|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_SHELL_SAFE = re.compile(r"(?!-)[^\s'`\"$\\;&<>|(){}\x00-\x1f\x7f]*")
"""What ssh lets into a command, too (ssh.c, valid_hostname and valid_ruser)."""


class Said(Struct, frozen=True, kw_only=True):
    """One host of an inventory. None: it does not say."""

    name: str
    address: str | None = None
    port: int | None = None
    user: str | None = None
    identities: tuple[str, ...] | None = None
    certificates: tuple[str, ...] | None = None
    identities_only: bool | None = None
    known_hosts: tuple[str, ...] | None = None
    host_key_alias: str | None = None
    unknown_keys: Literal["ask", "accept"] | None = None
    jump: str | None = None
    """"user@host:port", several with commas, the first hop first; "none" for none (ProxyJump)."""
    proxy_command: str | None = None
    """With the tokens of ssh; "none" for none."""
    connect_seconds: float | None = None
    roles: tuple[str, ...] = ()
    env: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    transport: Literal["ssh", "local"] = "ssh"
    production: bool = False
    read_only: bool = False
    unsupported: str = ""
    notes: tuple[str, ...] = ()


def is_secret(name: str) -> bool:
    """Whether a variable or column is, by its name, not to be shown: it becomes no label."""
    return _SECRET.search(name) is not None


def plain(name: str) -> Machine:
    """A name that nothing else is known of: ssh's defaults."""
    return Machine("", name, name, user=user_name(), known_hosts=paths(KNOWN_HOSTS))


def machines(
    said: Iterable[Said], source: str, fleet: settings.Fleet, *, lookup: Lookup = plain, named_jumps: bool = True
) -> tuple[Machine, ...]:
    """The machines of a source. `named_jumps`: a jump may be the name of another of these hosts.

    Raises errors.Malformed for a name that is empty or there twice, and for jumps that cannot be.
    """
    hosts: dict[str, Said] = {}
    for host in said:
        if not host.name:
            raise errors.Malformed("a host has an empty name")
        if host.name in hosts:
            raise errors.Malformed(f"the host {host.name!r} is there twice")
        hosts[host.name] = host
    without = {name: _machine(host, source, fleet, lookup) for name, host in hosts.items()}
    jumps = _Jumps(hosts, without, lookup, named_jumps)
    return tuple(
        machine if hosts[name].jump is None else replace(machine, jumps=jumps.of(name), proxy_command="")
        for name, machine in without.items()
    )


def _machine(said: Said, source: str, fleet: settings.Fleet, lookup: Lookup) -> Machine:
    """Without its jumps, save those of ssh_config."""
    found = lookup(said.address or said.name)
    given = {
        "port": said.port,
        "user": said.user,
        "identities": said.identities,
        "certificates": said.certificates,
        "identities_only": said.identities_only,
        "known_hosts": said.known_hosts,
        "host_key_alias": said.host_key_alias,
        "unknown_keys": said.unknown_keys,
        "connect_seconds": said.connect_seconds,
    }
    machine = replace(
        found,
        source=source,
        name=said.name,
        roles=said.roles,
        env=said.env,
        labels=said.labels,
        transport=said.transport,
        production=said.production or fleet.production,
        read_only=said.read_only or fleet.read_only,
        unsupported=said.unsupported or found.unsupported,
        notes=(*said.notes, *(note for note in found.notes if note not in said.notes)),
        **{field: value for field, value in given.items() if value is not None},
    )
    if said.transport == "local":
        return replace(machine, address=said.address or "localhost", jumps=(), proxy_command="")
    if not 0 < machine.port < 65536:
        machine = replace(machine, unsupported=f"port {machine.port}")
    if said.proxy_command is not None:
        command = "" if said.proxy_command.lower() == "none" else _tokens(said.proxy_command, machine)
        machine = replace(machine, jumps=(), proxy_command=command)
        if command and not all(map(_SHELL_SAFE.fullmatch, (machine.address, machine.name, machine.user))):
            machine = replace(machine, unsupported="a ProxyCommand with a name that the shell would not take as one")
    return machine


def _tokens(text: str, machine: Machine) -> str:
    """Those that ProxyCommand knows (ssh_config(5), TOKENS)."""
    known = {"%%": "%", "%h": machine.address, "%n": machine.name, "%p": str(machine.port), "%r": machine.user}
    return re.sub(r"%.", lambda found: known.get(found[0], found[0]), text)


class _Jumps:
    """The ways to the hosts of one source."""

    def __init__(self, hosts: Mapping[str, Said], machines: Mapping[str, Machine], lookup: Lookup, named: bool) -> None:
        self._hosts, self._machines, self._lookup, self._named = hosts, machines, lookup, named

    def of(self, name: str, behind: tuple[str, ...] = ()) -> tuple[Machine, ...]:
        """The hops to a host, the first one first: a hop that is itself behind others comes after those."""
        if name in behind:
            raise errors.Malformed(f"the host {name!r} is to be reached through itself: {' '.join([*behind, name])}")
        said = self._hosts[name]
        if said.jump is None:
            return self._machines[name].jumps
        hops: tuple[Machine, ...] = ()
        for user, host, port in parse_jump(said.jump):
            if self._named and host in self._hosts:
                before, hop = self.of(host, (*behind, name)), self._machines[host]
            else:
                hop = self._lookup(host)
                before = hop.jumps
                if self._lookup is plain:
                    hop = replace(
                        hop, identities=said.identities or (), known_hosts=said.known_hosts or hop.known_hosts
                    )
            given = {"user": user, "port": port}
            hop = replace(hop, jumps=(), **{field: value for field, value in given.items() if value})
            hops += (*(before if not hops else ()), hop)
        if len(hops) > MOST_JUMPS:
            raise errors.Malformed(f"the host {name!r} is behind more than {MOST_JUMPS} others")
        return hops


def parse_jump(text: str) -> Sequence[tuple[str, str, int]]:
    """(user or "", host, port or 0) of each hop (ssh_config(5), ProxyJump). Raises errors.Malformed."""
    hops: list[tuple[str, str, int]] = []
    if text.strip().lower() in ("", "none"):
        return hops
    for part in text.split(","):
        found = _HOP.fullmatch(part.strip())
        if found is None or not 0 <= int(found[3] or 0) < 65536:
            raise errors.Malformed(f"{part.strip()!r} is no jump; write host or user@host:port")
        hops.append((found[1] or "", found[2].strip("[]"), int(found[3] or 0)))
    return hops


def paths(written: Iterable[str]) -> tuple[str, ...]:
    """Whole paths, for `~` may stand first."""
    return tuple(os.path.abspath(os.path.expanduser(path)) for path in written)
