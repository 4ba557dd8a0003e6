"""Nodes (printers.go, printNode)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Condition, Metadata, Wire
from cockpit.pods.kinds.columns import AGE, NAME, NONE, UNKNOWN, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.quantity import bytes_of, millicores_of
from cockpit.pods.kinds.reading import Served, or_none, reader
from cockpit.pods.kinds.report import ObjectReport, common
from cockpit.pods.kinds.used import CPU, MEMORY, share

_ROLE, _OLD_ROLE = "node-role.kubernetes.io/", "kubernetes.io/role"
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


class _Labelled(Metadata, frozen=True):
    labels: dict[str, str] | None = None


class _Spec(Wire, frozen=True):
    unschedulable: bool | None = None


class _Address(Wire, frozen=True):
    type: str = ""
    address: str = ""


class _Info(Wire, frozen=True):
    kubelet_version: str = ""
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""


class _Status(Wire, frozen=True):
    conditions: tuple[Condition, ...] | None = None
    addresses: tuple[_Address, ...] | None = None
    node_info: _Info = _Info()
    allocatable: dict[str, str] | None = None


class _Served(Served, frozen=True):
    metadata: _Labelled
    spec: _Spec = _Spec()
    status: _Status = _Status()


class Node(Object, frozen=True, gc=False):
    status: str
    """ "Ready,SchedulingDisabled", as kubectl prints it."""
    roles: str
    version: str
    internal_ip: str
    external_ip: str
    os_image: str
    kernel: str
    runtime: str
    unschedulable: bool
    pressures: tuple[str, ...]
    """Conditions that are true and should not be: MemoryPressure."""
    cpu_millicores: int
    """For pods: allocatable."""
    memory_bytes: int
    cpu: int = -1
    """Millicores that it uses now; -1: not known."""
    memory: int = -1
    """Bytes."""


class NodeReport(ObjectReport, frozen=True, kw_only=True):
    status: str
    roles: str | None
    version: str
    internal_ip: str | None
    external_ip: str | None
    pressures: tuple[str, ...]
    cpu_millicores: int | None
    """What it uses now; None: not known."""
    memory_bytes: int | None


def tone(row: Node) -> Tone:
    """Ready and open for pods is good; a pressure or a cordon deserves a look."""
    if not row.status.startswith("Ready"):
        return Tone.BAD
    return Tone.WARN if row.unschedulable or row.pressures else Tone.GOOD


def _row(base: dict[str, Any], found: _Served) -> Node:
    status, info = found.status, found.status.node_info
    addresses: dict[str, str] = {}
    for each in status.addresses or ():
        addresses.setdefault(each.type, each.address)
    conditions = {each.type: each.status for each in status.conditions or ()}
    unschedulable = bool(found.spec.unschedulable)
    said = {"True": "Ready"}.get(conditions["Ready"], "NotReady") if "Ready" in conditions else "Unknown"
    room = status.allocatable or {}
    return Node(
        **base,
        status=f"{said},SchedulingDisabled" if unschedulable else said,
        roles=",".join(_roles(found.metadata.labels or {})),
        version=info.kubelet_version,
        internal_ip=addresses.get("InternalIP", ""),
        external_ip=addresses.get("ExternalIP", ""),
        os_image=info.os_image,
        kernel=info.kernel_version,
        runtime=info.container_runtime_version,
        unschedulable=unschedulable,
        pressures=tuple(each for each in _PRESSURES if conditions.get(each) == "True"),
        cpu_millicores=millicores_of(room.get("cpu", "")),
        memory_bytes=bytes_of(room.get("memory", "")),
    )


def _roles(labels: dict[str, str]) -> list[str]:
    found = {label.removeprefix(_ROLE) for label in labels if label.startswith(_ROLE)}
    found.add(labels.get(_OLD_ROLE, ""))
    return sorted(found - {""})


def _report(row: Node, now: float) -> NodeReport:
    return NodeReport(
        **common(row, now),
        status=row.status,
        roles=row.roles or None,
        version=row.version,
        internal_ip=row.internal_ip or None,
        external_ip=row.external_ip or None,
        pressures=row.pressures,
        cpu_millicores=row.cpu if row.cpu >= 0 else None,
        memory_bytes=row.memory if row.memory >= 0 else None,
    )


NODES: Kind[Node] = Kind(
    resource="nodes",
    kind="Node",
    group_version="v1",
    short=("no",),
    namespaced=False,
    decode=reader("node", _Served, _row),
    columns=(
        NAME,
        state("STATUS", 10, lambda r: r.status, tone),
        words("ROLES", 14, lambda r: or_none(r.roles), least=6),
        AGE,
        words("VERSION", 10, lambda r: r.version),
        words("INTERNAL-IP", 14, lambda r: r.internal_ip or NONE, wide=True),
        words("EXTERNAL-IP", 11, lambda r: r.external_ip or NONE, wide=True),
        words("OS-IMAGE", 20, lambda r: r.os_image or UNKNOWN, wide=True, least=8),
        words("KERNEL-VERSION", 14, lambda r: r.kernel or UNKNOWN, wide=True, least=8),
        words("CONTAINER-RUNTIME", 17, lambda r: r.runtime or UNKNOWN, wide=True, least=8),
        CPU,
        MEMORY,
        share("%CPU", lambda r: r.cpu, lambda r: r.cpu_millicores, hard=True),
        share("%MEM", lambda r: r.memory, lambda r: r.memory_bytes, hard=True),
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.name} {r.status} {r.roles} {' '.join(r.pressures)} {r.internal_ip}".lower(),
)
