"""The containers of one pod, a row each: init, sidecar and ephemeral ones too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from sys import intern
from typing import Any

import msgspec

from cockpit.listing.cells import Cell, Column
from cockpit.model import errors
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pods.api.wire import Container as Spec
from cockpit.pods.api.wire import ContainerState, ContainerStatus, PodObject, PodSpec, PodStatus, Terminated, Wire
from cockpit.pods.kinds.columns import AGE, NAME, NONE, RANKS, number, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.columns import tone as pod_tone
from cockpit.pods.kinds.pod.decode import row_of
from cockpit.pods.kinds.pod.kind import PODS, search
from cockpit.pods.kinds.pod.report import report as pod_report
from cockpit.pods.kinds.pod.resources import Summed, amounts
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.pod.status import unix_seconds
from cockpit.pods.kinds.report import ObjectReport, common
from cockpit.pods.kinds.used import CPU, CPU_OF_LIMIT, CPU_OF_REQUEST, MEMORY, MEMORY_OF_LIMIT, MEMORY_OF_REQUEST

INIT, SIDECAR, EPHEMERAL = "init", "sidecar", "ephemeral"


class Port(Wire, frozen=True):
    name: str = ""
    container_port: int = 0
    protocol: str = "TCP"


class _Spec(Spec, frozen=True):
    ports: tuple[Port, ...] | None = None


class _PodSpec(PodSpec, frozen=True):
    containers: tuple[_Spec, ...] | None = None
    init_containers: tuple[_Spec, ...] | None = None
    ephemeral_containers: tuple[_Spec, ...] | None = None


class _PodStatus(PodStatus, frozen=True):
    ephemeral_container_statuses: tuple[ContainerStatus, ...] | None = None


class _PodObject(PodObject, frozen=True):
    spec: _PodSpec | None = None
    status: _PodStatus | None = None


class Container(Object, frozen=True, gc=False):
    """`owner` is its pod; `created` is when it last started."""

    pod: str
    role: str
    """ "init", "sidecar", "ephemeral"; empty: an ordinary one."""
    order: int
    """Its place in the pod: as they start."""
    image: str
    state: str
    """ "Running", the reason why it waits, or how it ended."""
    exit_code: int | None
    """Of one that has ended."""
    ready: bool
    restarts: int
    last: str
    """How it ended the last time: "OOMKilled (137)"; empty: it was never restarted."""
    ended: float | None
    """When that was."""
    ports: tuple[str, ...]
    """ "http:8080/TCP"."""
    cpu_request: int
    """Millicores; 0: none."""
    cpu_limit: int
    memory_request: int
    """Bytes."""
    memory_limit: int
    cpu: int = -1
    """Millicores that it uses now; -1: not known."""
    memory: int = -1
    """Bytes."""


class PodContainers(Pod, frozen=True, gc=False):
    """A pod with all its containers, for a watch of that pod alone."""

    containers: tuple[Container, ...] = ()


class ContainerReport(ObjectReport, frozen=True, kw_only=True):
    pod: str
    role: str | None
    state: str
    ready: bool
    restarts: int
    last: str | None
    image: str
    ports: tuple[str, ...]


_decoder = msgspec.json.Decoder(_PodObject)


def decode(source: str, data: bytes | msgspec.Raw) -> tuple[PodContainers, str]:
    """A pod with its containers, and its resource version. Raises errors.Malformed."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"not a pod: {error}") from error
    pod, version = row_of(source, found)
    containers = tuple(_containers(pod, found.spec or _PodSpec(), found.status or _PodStatus()))
    return PodContainers(**msgspec.structs.asdict(pod), containers=containers), version


def _containers(pod: Pod, spec: _PodSpec, status: _PodStatus) -> Iterator[Container]:
    """In the order in which they start; ephemeral ones last."""
    order = 0
    for role, specs, statuses in (
        (INIT, spec.init_containers, status.init_container_statuses),
        ("", spec.containers, status.container_statuses),
        (EPHEMERAL, spec.ephemeral_containers, status.ephemeral_container_statuses),
    ):
        known = {each.name: each for each in statuses or ()}
        for each in specs or ():
            sidecar = role == INIT and each.restart_policy == "Always"
            yield _row(pod, each, known.get(each.name, ContainerStatus()), SIDECAR if sidecar else role, order)
            order += 1


def _row(pod: Pod, spec: _Spec, status: ContainerStatus, role: str, order: int) -> Container:
    state = status.state or ContainerState()
    last = status.last_state.terminated if status.last_state else None
    asked: Summed = amounts(spec)
    begun = state.running or state.terminated
    return Container(
        key=f"{pod.key}/{spec.name}",
        source=pod.source,
        namespace=pod.namespace,
        name=spec.name,
        created=unix_seconds(begun.started_at) if begun else None,
        owner_kind="Pod",
        owner=pod.name,
        pod=pod.name,
        role=role,
        order=order,
        image=status.image or spec.image or "",
        state=intern(_state(state)),
        exit_code=state.terminated.exit_code if state.terminated else None,
        ready=bool(status.ready),
        restarts=status.restart_count or 0,
        last=f"{_end(last)} ({last.exit_code})" if last else "",
        ended=unix_seconds(last.finished_at) if last else None,
        ports=tuple(_port(port) for port in spec.ports or ()),
        cpu_request=asked.cpu_request,
        cpu_limit=asked.cpu_limit,
        memory_request=asked.memory_request,
        memory_limit=asked.memory_limit,
    )


def _state(state: ContainerState) -> str:
    if state.running:
        return "Running"
    if state.terminated:
        return _end(state.terminated)
    return (state.waiting.reason if state.waiting else None) or "Waiting"


def _end(ended: Terminated) -> str:
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _port(port: Port) -> str:
    text = f"{port.container_port}/{port.protocol}"
    return f"{port.name}:{text}" if port.name else text


def tone(row: Container) -> Tone:
    """A container that waits for a reason of its own, or ended badly, is bad."""
    if row.state == "Running":
        return Tone.GOOD if row.ready or row.role in (INIT, EPHEMERAL) else Tone.WARN
    if row.exit_code is not None:
        return Tone.MUTED if row.exit_code == 0 else Tone.BAD
    return Tone.BUSY if row.state in ("Waiting", "ContainerCreating", "PodInitializing") else Tone.BAD


def report(row: Container, now: float) -> ContainerReport:
    return ContainerReport(
        **common(row, now),
        pod=row.pod,
        role=row.role or None,
        state=row.state,
        ready=row.ready,
        restarts=row.restarts,
        last=row.last or None,
        image=row.image,
        ports=row.ports,
    )


def _state_cell(row: Container, _: float) -> Cell:
    mood = tone(row)
    return Cell(row.state, mood, GLYPHS[mood])


def _last_cell(row: Container, now: float) -> Cell:
    if not row.last:
        return Cell(NONE, Tone.MUTED)
    when = f" {human_duration(now - row.ended)} ago" if row.ended is not None else ""
    return Cell(row.last + when, Tone.WARN)


_ORDER: Column[Container] = Column("order", "#", 2, lambda r, _: Cell(str(r.order + 1), Tone.MUTED), lambda r: r.order)
COLUMNS: tuple[Column[Any], ...] = (
    _ORDER,
    NAME,
    words("KIND", 9, lambda r: r.role or "container"),
    Column("ready", "READY", 5, lambda r, _: Cell("yes" if r.ready else "no"), lambda r: (not r.ready, r.order)),
    Column("state", "STATE", 18, _state_cell, lambda r: (RANKS[tone(r)], r.state, r.order)),
    number("RESTARTS", lambda r: r.restarts),
    Column("last", "LAST STATE", 20, _last_cell, lambda r: -(r.ended or 0.0), clock=True, least=10),
    AGE,
    words("IMAGE", 30, lambda r: r.image, least=12),
    words("PORTS", 14, lambda r: ",".join(r.ports) or NONE, least=8),
    CPU,
    MEMORY,
    CPU_OF_REQUEST,
    CPU_OF_LIMIT,
    MEMORY_OF_REQUEST,
    MEMORY_OF_LIMIT,
)
POD_WITH_CONTAINERS: Kind[PodContainers] = Kind(
    resource=PODS.resource,
    kind=PODS.kind,
    group_version=PODS.group_version,
    decode=decode,
    columns=(AGE,),
    tone=pod_tone,
    report=pod_report,
    search=search,
)


def search_container(row: Container) -> str:
    """Lower-case text that a filter looks into."""
    return f"{row.name} {row.role} {row.state} {row.image} {' '.join(row.ports)}".lower()


def measured(rows: Sequence[Container], used: Mapping[str, tuple[int, int]]) -> tuple[Container, ...]:
    """With the (millicores, bytes) of each container by name."""
    unread = (-1, -1)
    return tuple(
        msgspec.structs.replace(row, cpu=used.get(row.name, unread)[0], memory=used.get(row.name, unread)[1])
        for row in rows
    )
