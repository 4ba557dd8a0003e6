"""One machine of the fleet: who it is and how to reach it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


class Machine(Struct, frozen=True):
    """Resolved from an inventory: paths are whole, tokens are expanded, nothing is left to look up."""

    source: str
    """The inventory that names it."""
    name: str
    address: str
    port: int = 22
    user: str = ""
    identities: tuple[str, ...] = ()
    """Private key files, the first that fits; none: the agent, then the usual keys in ~/.ssh."""
    usual_keys: bool = True
    """Where there are no `identities`, try the usual keys in ~/.ssh; not so after `IdentityFile none`."""
    certificates: tuple[str, ...] = ()
    """OpenSSH certificate files (CertificateFile); without any, `<identity>-cert.pub` is looked for, as ssh does."""
    identities_only: bool = False
    """Offer `identities` alone, not what else the agent holds (IdentitiesOnly)."""
    agent: str = "SSH_AUTH_SOCK"
    """The agent's socket: a path, "SSH_AUTH_SOCK" for the variable's, "" for none (IdentityAgent)."""
    known_hosts: tuple[str, ...] = ()
    """The user's files; an accepted key is written to the first of them."""
    global_known_hosts: tuple[str, ...] = GLOBAL_KNOWN_HOSTS
    """Files that are only looked into (GlobalKnownHostsFile)."""
    host_key_alias: str = ""
    """The name to look up in known_hosts instead of the address (HostKeyAlias)."""
    unknown_keys: Literal["ask", "accept"] = "ask"
    """What to do with a host that known_hosts does not name; "accept" writes it down (accept-new). A changed key is
    refused whatever stands here."""
    hash_known_hosts: bool = False
    """Write an accepted key under a hash of the host's name (HashKnownHosts)."""
    jumps: tuple[Machine, ...] = ()
    """The hosts to go through, the first hop first (ProxyJump). They have no jumps of their own."""
    proxy_command: str = ""
    """Run by the user's shell; its stdin and stdout are the connection (ProxyCommand). Never together with `jumps`."""
    connect_seconds: float | None = None
    """None: as the pool has it (ConnectTimeout)."""
    roles: tuple[str, ...] = ()
    """Roles, and the groups of an inventory that has groups: what `@role` selects."""
    env: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    """Other facts of the inventory, sorted by name: what `rack=b7` selects."""
    transport: Literal["ssh", "local"] = "ssh"
    production: bool = False
    read_only: bool = False
    unsupported: str = ""
    """Why it cannot be reached ("port 0"), and what to do instead where it is cockpit that cannot: it is listed, never
    connected."""
    notes: tuple[str, ...] = ()
    """What its configuration asks and cockpit does not do."""

    @property
    def key(self) -> str:
        """Unique in the feed."""
        return f"{self.source}/{self.name}"

    @property
    def lock(self) -> str:
        """The target's key in locks and in the journal; a name stands for one machine in the whole fleet."""
        return f"fleet/{self.name}"

    @property
    def route(self) -> tuple[Any, ...]:
        """What a kept connection depends on: two machines of one route share it."""
        hops = tuple([hop.route for hop in self.jumps])
        login = (self.identities, self.usual_keys, self.certificates, self.identities_only, self.agent)
        trust = (self.known_hosts, self.global_known_hosts, self.host_key_alias, self.unknown_keys)
        return (self.transport, self.user, self.address, self.port, login, trust, hops, self.proxy_command)

    @property
    def where(self) -> str:
        """As messages name the place."""
        if self.transport == "local":
            return f"{self.name} (this machine)"
        host = f"[{self.address}]" if ":" in self.address else self.address
        place = host if self.port == 22 else f"{host}:{self.port}"
        return self.name if place == self.name else f"{self.name} ({place})"
