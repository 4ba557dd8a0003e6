"""What deployments, replica sets, stateful sets and daemon sets have in common, and kubectl's columns of it."""

from __future__ import annotations

from typing import Any

from cockpit.listing.cells import Column
from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Container, Wire
from cockpit.pods.kinds.columns import words
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import LabelSelector, Served, or_none, selector_text


class PodTemplateSpec(Wire, frozen=True):
    containers: tuple[Container, ...] | None = None
    node_selector: dict[str, str] | None = None


class PodTemplate(Wire, frozen=True):
    spec: PodTemplateSpec = PodTemplateSpec()


class Spec(Wire, frozen=True):
    replicas: int | None = None
    paused: bool | None = None
    selector: LabelSelector | None = None
    template: PodTemplate = PodTemplate()


class Status(Wire, frozen=True):
    """A missing number is 0, as Go leaves it out."""

    replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    current_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0


class ServedWorkload(Served, frozen=True):
    spec: Spec = Spec()
    status: Status = Status()


class Workload(Object, frozen=True, gc=False):
    """What makes pods and keeps so many of them."""

    replicas: int
    """Wanted; of a daemon set: nodes that it should be on."""
    current: int
    ready: int
    updated: int
    available: int
    selector: str
    """Of its pods, as the server takes it; empty: none."""
    containers: tuple[str, ...]
    images: tuple[str, ...]
    """By container."""
    generation: int
    paused: bool
    deleting: bool


def wanted_fields(found: ServedWorkload) -> dict[str, Any]:
    """The fields of `Workload` that all but daemon sets read alike."""
    spec, status = found.spec, found.status
    return {
        "replicas": 1 if spec.replicas is None else spec.replicas,
        "current": status.replicas,
        "ready": status.ready_replicas,
        "updated": status.updated_replicas,
        "available": status.available_replicas,
        **template_fields(found),
    }


def template_fields(found: ServedWorkload) -> dict[str, Any]:
    containers = found.spec.template.spec.containers or ()
    return {
        "selector": selector_text(found.spec.selector),
        "containers": tuple(each.name for each in containers),
        "images": tuple(each.image or "" for each in containers),
        "generation": found.metadata.generation or 0,
        "paused": bool(found.spec.paused),
        "deleting": found.metadata.deletion_timestamp is not None,
    }


def tone(row: Workload) -> Tone:
    """Whether as many pods as wanted serve."""
    if row.deleting:
        return Tone.BUSY
    if row.ready < row.replicas:
        return Tone.WARN
    if row.paused:
        return Tone.WARN
    return Tone.GOOD if row.replicas else Tone.MUTED


def search(row: Workload) -> str:
    """Lower-case text that a filter looks into."""
    return f"{row.source} {row.path} {' '.join(row.images)}".lower()


CONTAINERS: Column[Any] = words("CONTAINERS", 14, lambda r: ",".join(r.containers), wide=True, least=8)
IMAGES: Column[Any] = words("IMAGES", 24, lambda r: ",".join(r.images), wide=True, least=8)
SELECTOR: Column[Any] = words("SELECTOR", 20, lambda r: or_none(r.selector), wide=True, least=8)
