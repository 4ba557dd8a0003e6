"""A host in the snapshot."""

from __future__ import annotations

from msgspec import Struct

from cockpit.fleet.host import Host


class HostReport(Struct, frozen=True):
    """null where it is not known; ratios from 0 to 1."""

    key: str
    name: str
    address: str
    roles: tuple[str, ...]
    env: str
    state: str
    error: str | None
    latency_seconds: float | None
    load1: float | None
    cpus: int | None
    memory_used_ratio: float | None
    disk_used_ratio: float | None
    uptime_seconds: float | None


def report(host: Host, _: float) -> HostReport:
    """(host, now in Unix seconds)"""
    return HostReport(
        key=host.key,
        name=host.name,
        address=host.address,
        roles=host.roles,
        env=host.env,
        state=host.state,
        error=host.error or None,
        latency_seconds=host.latency_seconds,
        load1=host.load1,
        cpus=host.cpus,
        memory_used_ratio=host.memory_used_ratio,
        disk_used_ratio=host.disk_used_ratio,
        uptime_seconds=host.uptime_seconds,
    )
