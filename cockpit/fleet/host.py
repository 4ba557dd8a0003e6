"""One row of the fleet: a machine and what was last seen of it."""

from __future__ import annotations

from msgspec import Struct

from cockpit.fleet.machine import Machine

CONNECTING = "connecting"
UP = "up"
UNREACHABLE = "unreachable"
DENIED = "denied"
HOSTKEY = "host key"
UNSUPPORTED = "unsupported"
FAILED = "error"


class Host(Struct, frozen=True, gc=False):
    """What is not known is None. After a failure the last figures are gone: they would look current."""

    key: str
    source: str
    """The inventory that names it."""
    name: str
    address: str
    """With the port where it is not 22."""
    roles: tuple[str, ...] = ()
    env: str = ""
    state: str = CONNECTING
    """connecting, up, unreachable, denied, host key, error, or "unsupported: ProxyJump"."""
    error: str = ""
    """Why, with the next step; or what of its configuration is not honoured."""
    latency_seconds: float | None = None
    """How long the last look took, there and back."""
    load1: float | None = None
    cpus: int | None = None
    cpu_ratio: float | None = None
    """Busy share of all processors between the last two looks, 0 to 1."""
    memory_used_ratio: float | None = None
    """1 - MemAvailable / MemTotal."""
    disk_used_ratio: float | None = None
    """Of the root file system, as df counts it (what users may fill)."""
    uptime_seconds: float | None = None
    production: bool = False
    read_only: bool = False


def unseen(machine: Machine) -> Host:
    """The row before the first look."""
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
