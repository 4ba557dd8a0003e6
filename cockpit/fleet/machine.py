"""One machine of the fleet: who it is and how to reach it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Machine(Struct, frozen=True):
    """Resolved from an inventory: paths are whole, nothing is left to look up."""

    source: str
    """The inventory that names it."""
    name: str
    address: str
    port: int = 22
    user: str = ""
    identities: tuple[str, ...] = ()
    """Private key files, the first that fits; none: the agent, then the usual keys in ~/.ssh."""
    known_hosts: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    env: str = ""
    transport: Literal["ssh", "local"] = "ssh"
    production: bool = False
    read_only: bool = False
    unsupported: str = ""
    """Why it cannot be reached directly ("ProxyJump"): it is listed, never connected."""
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
    def where(self) -> str:
        """As messages name the place."""
        if self.transport == "local":
            return f"{self.name} (this machine)"
        host = f"[{self.address}]" if ":" in self.address else self.address
        place = host if self.port == 22 else f"{host}:{self.port}"
        return self.name if place == self.name else f"{self.name} ({place})"
