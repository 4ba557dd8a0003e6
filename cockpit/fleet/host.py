"""One row of the fleet: a machine and what was last seen of it."""

from __future__ import annotations

from msgspec import Struct

from cockpit.fleet.facts.details import Details
from cockpit.fleet.machine import Machine

CONNECTING = "connecting"
UP = "up"
STALE = "stale"
"""It has not answered for a while, over a connection that stands."""
UNREACHABLE = "unreachable"
DENIED = "denied"
HOSTKEY = "host key"
NO_SHELL = "no shell"
"""It lets us in and runs something else than a shell."""
UNSUPPORTED = "unsupported"
FAILED = "error"


class Host(Struct, frozen=True, gc=False):
    """What is not known is None. In any state but `up` the figures are the last ones, as old as `seen_at` says."""

    key: str
    source: str
    """The inventory that names it."""
    name: str
    address: str
    """With the port where it is not 22."""
    roles: tuple[str, ...] = ()
    env: str = ""
    state: str = CONNECTING
    """connecting, up, stale, unreachable, denied, host key, no shell, error, or "unsupported: PKCS11Provider"."""
    error: str = ""
    """Why, with the next step; or what of its configuration is not honoured."""
    latency_seconds: float | None = None
    """How long the last question took, there and back; none in any state but `up`."""
    seen_at: float | None = None
    """When the figures were read, in Unix seconds."""
    load1: float | None = None
    cpu_ratio: float | None = None
    """Busy share of all processors between the last two samples, 0 to 1."""
    memory_used_ratio: float | None = None
    """1 - MemAvailable / MemTotal."""
    memory_bytes: int | None = None
    uptime_seconds: float | None = None
    details: Details | None = None
    """Read once a minute; None: not yet."""
    production: bool = False
    read_only: bool = False

    @property
    def current(self) -> bool:
        """Whether the figures are what the host says now."""
        return self.state == UP

    @property
    def pending(self) -> bool:
        """Listed, but not read whole for the first time."""
        return self.state == CONNECTING or (self.state == UP and self.details is None)


def unseen(machine: Machine) -> Host:
    """The row before the first answer."""
    port = "" if machine.port == 22 or machine.transport == "local" else f":{machine.port}"
    return Host(
        key=machine.key,
        source=machine.source,
        name=machine.name,
        address=f"{machine.address}{port}",
        roles=machine.roles,
        env=machine.env,
        state=f"{UNSUPPORTED}: {machine.unsupported}" if machine.unsupported else CONNECTING,
        error="; ".join(machine.notes),
        production=machine.production,
        read_only=machine.read_only,
    )
