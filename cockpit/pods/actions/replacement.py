"""Which pod stands in for one that is gone: another one of the same workload."""

from __future__ import annotations

from collections.abc import Mapping

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import collection_path, object_path, pod_path
from cockpit.pods.api.wire import Metadata, PodObject, Wire

GROUPS = {
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Job": ("batch/v1", "jobs"),
}


class Requirement(Wire, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class LabelSelector(Wire, frozen=True):
    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


class _Spec(Wire, frozen=True):
    selector: LabelSelector | None = None


class _Workload(Wire, frozen=True):
    metadata: Metadata
    spec: _Spec = _Spec()


class _Pods(Wire, frozen=True):
    items: tuple[PodObject, ...] | None = None


def written(selector: LabelSelector) -> str:
    """As a query has it (apimachinery labels.Selector.String)."""
    parts = [f"{key}={value}" for key, value in (selector.match_labels or {}).items()]
    for each in selector.match_expressions or ():
        values = ",".join(each.values or ())
        match each.operator:
            case "In":
                parts.append(f"{each.key} in ({values})")
            case "NotIn":
                parts.append(f"{each.key} notin ({values})")
            case "Exists":
                parts.append(each.key)
            case "DoesNotExist":
                parts.append(f"!{each.key}")
    return ",".join(parts)


async def selector_of(connection: Connection, namespace: str, pod: PodObject) -> str:
    """What the pods of its workload have in common; empty: nothing makes it again, or what does cannot be read.

    A ReplicaSet belongs to a Deployment, whose next one may have to be found.
    """
    owner = _controller(pod.metadata)
    selector = ""
    while owner is not None and owner[0] in GROUPS:
        kind, name = owner
        try:
            found = await connection.get(object_path(*GROUPS[kind], namespace, name), _Workload)
        except (errors.NotFound, errors.Denied, errors.Malformed):
            break
        if found.spec.selector is not None:
            selector = written(found.spec.selector)
        owner = _controller(found.metadata)
    return selector


async def ready_pod(connection: Connection, namespace: str, selector: str) -> str:
    """The youngest pod that runs and is ready, else one that runs; empty: there is none. Raises `model.errors`."""
    query: Mapping[str, str] = {"labelSelector": selector, "fieldSelector": "status.phase=Running"}
    found = await connection.get(collection_path("v1", "pods", namespace), _Pods, query)
    running = [pod for pod in found.items or () if usable(pod)]
    best = max(running, key=lambda pod: (_ready(pod), pod.metadata.creation_timestamp or ""), default=None)
    return best.metadata.name if best is not None else ""


async def read(connection: Connection, namespace: str, name: str) -> PodObject:
    return await connection.get(pod_path(namespace, name), PodObject)


def usable(pod: PodObject) -> bool:
    """It runs, and is not on its way out."""
    running = pod.status is not None and pod.status.phase == "Running"
    return running and pod.metadata.deletion_timestamp is None


def _ready(pod: PodObject) -> bool:
    conditions = pod.status.conditions if pod.status is not None else None
    return any(each.type == "Ready" and each.status == "True" for each in conditions or ())


def _controller(metadata: Metadata) -> tuple[str, str] | None:
    owners = metadata.owner_references or ()
    return next(((owner.kind, owner.name) for owner in owners if owner.controller), None)
