"""A host in the snapshot."""

from __future__ import annotations

from msgspec import Struct

from cockpit.fleet.facts.details import Details, Disk, TopProcess
from cockpit.fleet.host import Host


class HostReport(Struct, frozen=True):
    """null where it is not known; ratios from 0 to 1. In any state but "up" the figures are as old as `age_seconds`."""

    key: str
    name: str
    address: str
    roles: tuple[str, ...]
    env: str
    state: str
    error: str | None
    latency_seconds: float | None
    age_seconds: float | None
    """How old the figures are."""
    load1: float | None
    cpus: int | None
    cpu_ratio: float | None
    memory_used_ratio: float | None
    memory_bytes: int | None
    disk_used_ratio: float | None
    """Of the root file system."""
    disks: tuple[Disk, ...]
    uptime_seconds: float | None
    kernel: str | None
    os: str | None
    reboot_needed: bool | None
    failed_units: tuple[str, ...] | None
    """null: there is no systemd, or it did not answer."""
    users: tuple[str, ...] | None
    """Logged in, each once."""
    top_cpu: tuple[TopProcess, ...]
    top_memory: tuple[TopProcess, ...]


def report(host: Host, now: float) -> HostReport:
    """(host, now in Unix seconds)"""
    known = host.details or Details()
    return HostReport(
        key=host.key,
        name=host.name,
        address=host.address,
        roles=host.roles,
        env=host.env,
        state=host.state,
        error=host.error or None,
        latency_seconds=host.latency_seconds,
        age_seconds=None if host.seen_at is None else round(max(0.0, now - host.seen_at), 3),
        load1=host.load1,
        cpus=known.cpus,
        cpu_ratio=host.cpu_ratio,
        memory_used_ratio=host.memory_used_ratio,
        memory_bytes=host.memory_bytes,
        disk_used_ratio=next((disk.used_ratio for disk in known.disks if disk.mount == "/"), None),
        disks=known.disks,
        uptime_seconds=host.uptime_seconds,
        kernel=known.system or None,
        os=known.os or None,
        reboot_needed=known.reboot,
        failed_units=known.failed_units,
        users=known.users,
        top_cpu=known.top_cpu,
        top_memory=known.top_memory,
    )
