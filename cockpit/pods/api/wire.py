"""The part of the Kubernetes API that is read, as typed structs: everything else is skipped while parsing.

The generated models of the client library cost a hundred times the time and seventy times the memory of this. Every
field may be missing or null, as Go writes both.
"""

from __future__ import annotations

from msgspec import Raw, Struct, field


class Wire(Struct, frozen=True, gc=False, rename="camel"):
    """Base: camelCase names."""


class OwnerReference(Wire, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(Wire, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    generation: int | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    finalizers: tuple[str, ...] | None = None


class ListMetadata(Wire, frozen=True):
    resource_version: str = ""
    continue_: str | None = field(name="continue", default=None)


class ObjectList(Wire, frozen=True):
    """A page of a list, or of a Table; items are parsed one by one, so that no page lives as objects all at once."""

    metadata: ListMetadata
    items: list[Raw] | None = None
    rows: list[Raw] | None = None


class WatchEvent(Wire, frozen=True):
    type: str
    object: Raw


class Mark(Wire, frozen=True):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class Marked(Wire, frozen=True):
    """A bookmark of a watch."""

    metadata: Mark = Mark()


class Status(Wire, frozen=True):
    """What the API server answers instead of an object (kind Status)."""

    code: int | None = None
    reason: str | None = None
    message: str | None = None
    kind: str = ""


class Anything(Wire, frozen=True):
    """The metadata of any object."""

    metadata: Metadata


class Waiting(Wire, frozen=True):
    reason: str | None = None
    message: str | None = None


class Running(Wire, frozen=True):
    started_at: str | None = None


class Terminated(Wire, frozen=True):
    exit_code: int = 0
    signal: int | None = None
    reason: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class ContainerState(Wire, frozen=True):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(Wire, frozen=True):
    name: str = ""
    ready: bool | None = None
    started: bool | None = None
    restart_count: int | None = None
    image: str | None = None
    state: ContainerState | None = None
    last_state: ContainerState | None = None


class Amounts(Wire, frozen=True):
    """Quantities (kinds/quantity.py); the server writes them as strings, and reads numbers too."""

    cpu: str | int | float | None = None
    memory: str | int | float | None = None


class Resources(Wire, frozen=True):
    requests: Amounts | None = None
    limits: Amounts | None = None


class Container(Wire, frozen=True):
    name: str = ""
    image: str | None = None
    restart_policy: str | None = None
    resources: Resources | None = None


class ReadinessGate(Wire, frozen=True):
    condition_type: str = ""


class Condition(Wire, frozen=True):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class PodSpec(Wire, frozen=True):
    node_name: str | None = None
    restart_policy: str | None = None
    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None
    readiness_gates: tuple[ReadinessGate, ...] | None = None


class PodStatus(Wire, frozen=True):
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    pod_ip: str | None = field(name="podIP", default=None)
    nominated_node_name: str | None = None
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None


class PodObject(Wire, frozen=True):
    """A pod as served."""

    metadata: Metadata
    spec: PodSpec | None = None
    status: PodStatus | None = None


class EventSeries(Wire, frozen=True):
    count: int | None = None
    last_observed_time: str | None = None


class Event(Wire, frozen=True):
    """A core/v1 event; which of the times are set depends on who wrote it."""

    type: str | None = None
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None


class EventList(Wire, frozen=True):
    items: tuple[Event, ...] | None = None


class RollingUpdate(Wire, frozen=True):
    partition: int | None = None


class UpdateStrategy(Wire, frozen=True):
    type: str | None = None
    rolling_update: RollingUpdate | None = None


class PodTemplate(Wire, frozen=True):
    spec: PodSpec = PodSpec()


class WorkloadSpec(Wire, frozen=True):
    replicas: int | None = None
    template: PodTemplate = PodTemplate()
    paused: bool | None = None
    update_strategy: UpdateStrategy | None = None


class WorkloadStatus(Wire, frozen=True):
    """Of a deployment, a stateful set or a daemon set; a missing number is 0, as Go leaves it out."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    conditions: tuple[Condition, ...] | None = None


class Workload(Wire, frozen=True):
    metadata: Metadata
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()
