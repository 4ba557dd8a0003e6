"""From what an inventory says of its hosts to machines: what it leaves out is as ssh has it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from cockpit.config import settings
from cockpit.fleet.inventory.ssh import Call, Ssh
from cockpit.fleet.inventory.sshconfig.jumps import Hop, hops
from cockpit.fleet.machine import Machine
from cockpit.model import errors

MOST_JUMPS = 16
_SECRET = re.compile(r"pass(?:word|wd|phrase)?(?:_|$)|secret|token|api_?key|private_?key|credential", re.IGNORECASE)


class Said(Struct, frozen=True, kw_only=True):
    """One host of an inventory. None: it does not say."""

    name: str
    address: str | None = None
    options: tuple[str, ...] = ()
    """What ssh is called with for it ("Port 22"), and what it is to read instead of ~/.ssh/config."""
    config: str = ""
    port: int | None = None
    user: str | None = None
    identities: tuple[str, ...] | None = None
    certificates: tuple[str, ...] | None = None
    known_hosts: tuple[str, ...] | None = None
    """Whole paths, all three; these five win over the options."""
    jump: str | None = None
    """As ProxyJump has it, but a hop may be the name of another host of the inventory."""
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


def paths(written: Iterable[str]) -> tuple[str, ...]:
    """Whole paths, for `~` may stand first."""
    return tuple(os.path.abspath(os.path.expanduser(path)) for path in written)


def machines(said: Iterable[Said], source: str, fleet: settings.Fleet, ssh: Ssh) -> tuple[Machine, ...]:
    """The machines of a source. Does file I/O, and asks what ssh_config asks: call it in a thread.

    Raises errors.Malformed for a name that is empty or there twice, and for jumps that cannot be.
    """
    hosts: dict[str, Said] = {}
    for host in said:
        if not host.name:
            raise errors.Malformed("a host has an empty name")
        if host.name in hosts:
            raise errors.Malformed(f"the host {host.name!r} is there twice")
        hosts[host.name] = host
    found = ssh.all(Call(host.address or host.name, host.options, host.config) for host in hosts.values())
    known = {host.name: _machine(host, each, source, fleet) for host, each in zip(hosts.values(), found, strict=True)}
    jumps = _Jumps(hosts, known, ssh)
    return tuple(
        machine if hosts[name].jump is None else replace(machine, jumps=jumps.of(name), proxy_command="")
        for name, machine in known.items()
    )


def _machine(said: Said, found: Machine, source: str, fleet: settings.Fleet) -> Machine:
    """Without the jumps that the inventory wants."""
    fields = ("port", "user", "identities", "certificates", "known_hosts")
    given = {field: value for field in fields if (value := getattr(said, field)) is not None}
    port = given.get("port", found.port)
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
        unsupported=said.unsupported or found.unsupported or ("" if 0 < port < 65536 else f"port {port}"),
        notes=(*said.notes, *found.notes),
        **given,
    )
    if said.transport == "local":
        unsupported, notes = said.unsupported, said.notes
        address = said.address or "localhost"
        return replace(machine, address=address, jumps=(), proxy_command="", unsupported=unsupported, notes=notes)
    return machine


class _Jumps:
    """The ways to the hosts of one source."""

    def __init__(self, hosts: Mapping[str, Said], machines: Mapping[str, Machine], ssh: Ssh) -> None:
        self._hosts, self._machines, self._ssh = hosts, machines, ssh

    def of(self, name: str, behind: tuple[str, ...] = ()) -> tuple[Machine, ...]:
        """The hops to a host, the first one first: a first hop that is itself behind others comes after those."""
        if name in behind:
            raise errors.Malformed(f"the host {name!r} is to be reached through itself: {' '.join([*behind, name])}")
        said = self._hosts[name]
        if said.jump is None:
            return self._machines[name].jumps
        chain: tuple[Machine, ...] = ()
        for hop in parsed_jump(said.jump):
            before, machine = self._hop(hop, name, behind)
            chain += (*(before if not chain else ()), replace(machine, jumps=()))
        if len(chain) > MOST_JUMPS:
            raise errors.Malformed(f"the host {name!r} is behind more than {MOST_JUMPS} others")
        return chain

    def _hop(self, hop: Hop, name: str, behind: tuple[str, ...]) -> tuple[tuple[Machine, ...], Machine]:
        """The hops before it, and the hop."""
        if hop.host in self._hosts:
            before, machine = self.of(hop.host, (*behind, name)), self._machines[hop.host]
            return before, replace(machine, user=hop.user or machine.user, port=int(hop.port or machine.port))
        options = [f"User {hop.user}" if hop.user else "", f"Port {hop.port}" if hop.port else ""]
        machine = self._ssh.machine(Call(hop.host, tuple(filter(None, options))))
        if self._ssh.plain:
            said = self._hosts[name]
            known_hosts = said.known_hosts or machine.known_hosts
            machine = replace(machine, identities=said.identities or (), known_hosts=known_hosts)
        return machine.jumps, machine


def parsed_jump(text: str) -> tuple[Hop, ...]:
    """See Said.jump. Raises errors.Malformed."""
    try:
        return hops(text)
    except ValueError as error:
        raise errors.Malformed(f"a jump {error}") from error
