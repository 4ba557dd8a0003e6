"""Where a host really is and how cockpit gets there: what inventory, ssh_config and defaults came to."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cockpit.fleet.machine import Machine


class Resolved(Struct, frozen=True, kw_only=True):
    """A machine as JSON. What does not apply is null or empty."""

    host: str
    source: str
    address: str
    port: int
    user: str
    transport: str
    via: tuple[str, ...]
    """user@address:port of each hop, the first one first."""
    proxy_command: str | None
    identities: tuple[str, ...]
    certificates: tuple[str, ...]
    known_hosts: tuple[str, ...]
    host_key_alias: str | None
    roles: tuple[str, ...]
    env: str
    labels: dict[str, str]
    production: bool
    read_only: bool
    unsupported: str | None
    """Why it is never connected to."""
    notes: tuple[str, ...]
    """What its configuration asks and cockpit does not do."""


def resolved(machine: Machine) -> Resolved:
    return Resolved(
        host=machine.name,
        source=machine.source,
        address=machine.address,
        port=machine.port,
        user=machine.user,
        transport=machine.transport,
        via=tuple(map(place, machine.jumps)),
        proxy_command=machine.proxy_command or None,
        identities=machine.identities,
        certificates=machine.certificates,
        known_hosts=(*machine.known_hosts, *machine.global_known_hosts),
        host_key_alias=machine.host_key_alias or None,
        roles=machine.roles,
        env=machine.env,
        labels=dict(machine.labels),
        production=machine.production,
        read_only=machine.read_only,
        unsupported=machine.unsupported or None,
        notes=machine.notes,
    )


def described(machine: Machine) -> Iterator[str]:
    """The same as lines for people: the host and its way, then what else is said of it."""
    yield f"{machine.name}: {way(machine)}"
    ssh = machine.transport == "ssh"
    usual = "the agent's keys, then the usual ones in ~/.ssh" if machine.usual_keys else "the agent's keys"
    flags = [word for word, set_ in (("production", machine.production), ("read-only", machine.read_only)) if set_]
    facts = {
        "identities": (machine.identities or (usual,)) if ssh else (),
        "certificates": machine.certificates,
        "known hosts": (*machine.known_hosts, *machine.global_known_hosts) if ssh else (),
        "host key of": (machine.host_key_alias,) if machine.host_key_alias else (),
        "roles": machine.roles,
        "env": (machine.env,) if machine.env else (),
        "labels": tuple(f"{name}={value}" for name, value in machine.labels),
        "is": tuple(flags),
        "from": (machine.source,),
    }
    for word, values in facts.items():
        if values:
            yield f"  {word + ':':<14}{', '.join(values)}"
    for note in machine.notes:
        yield f"  {'note:':<14}{note}"


def way(machine: Machine) -> str:
    """ "ops@10.0.0.1:22 via ops@bastion:22"."""
    if machine.unsupported:
        return f"cannot be reached: {machine.unsupported}"
    if machine.transport == "local":
        return "this machine"
    if machine.proxy_command:
        return f"{place(machine)} via {machine.proxy_command}"
    jumps = f" via {', '.join(map(place, machine.jumps))}" if machine.jumps else ""
    return f"{place(machine)}{jumps}"


def place(machine: Machine) -> str:
    """ "ops@10.0.0.1:22"."""
    address = f"[{machine.address}]" if ":" in machine.address else machine.address
    return f"{machine.user}@{address}:{machine.port}" if machine.user else f"{address}:{machine.port}"
