"""Server-side printing: the `meta.k8s.io/v1` Table that `kubectl get` asks for.

Follows pkg/printers/internalversion/printers.go (printPod, printDeployment, printReplicaSet, printEvent, printNode,
printNamespace) and apimachinery's duration.HumanDuration, written from their behaviour for this simulator alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cockpit.demo.kubernetes.kinds import Kind, Object, dig
from cockpit.demo.kubernetes.store import parse_stamp

NONE = "<none>"
UNKNOWN = "<unknown>"
NODE_LOST = "NodeLost"


def human_duration(seconds: float) -> str:
    """duration.HumanDuration: two units where the first is small, else one."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // 24 // 365
    if hours < 24 * 365 * 8:
        return f"{years}y{days % 365}d" if days % 365 else f"{years}y"
    return f"{years}y"


def since(text: str | None, now: float) -> str:
    moment = parse_stamp(text)
    return UNKNOWN if moment is None else human_duration(now - moment)


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _holds(status: Object, condition: str) -> bool:
    return any(c.get("type") == condition and c.get("status") == "True" for c in status.get("conditions") or ())


class _Restarts:
    """A count of restarts and the end of the latest one."""

    def __init__(self) -> None:
        self.count = 0
        self.last: float | None = None

    def add(self, container: Object) -> None:
        self.count += container.get("restartCount", 0)
        ended = parse_stamp(dig(container, "lastState.terminated.finishedAt"))
        if ended is not None and (self.last is None or ended > self.last):
            self.last = ended

    def text(self, now: float) -> str:
        if self.count == 0 or self.last is None:
            return str(self.count)
        return f"{self.count} ({human_duration(now - self.last)} ago)"


def pod_summary(pod: Object, now: float) -> tuple[str, str, str]:
    """READY, STATUS and RESTARTS as `kubectl get pods` prints them."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    reason = status.get("reason") or status.get("phase", "")
    if any(
        c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in status.get("conditions") or ()
    ):
        reason = "SchedulingGated"
    inits = {c["name"]: c for c in spec.get("initContainers") or ()}
    sidecars = {name for name, c in inits.items() if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = 0
    restarts, of_sidecars = _Restarts(), _Restarts()
    initializing = False
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        restarts.add(container)
        state = container.get("state") or {}
        sidecar = container["name"] in sidecars
        if sidecar:
            of_sidecars.add(container)
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            reason = "Init:" + _ended(terminated)
        elif waiting.get("reason", "") not in ("", "PodInitializing"):
            reason = "Init:" + waiting["reason"]
        else:
            reason = f"Init:{index}/{len(inits)}"
        initializing = True
        break
    if not initializing or _holds(status, "Initialized"):
        restarts = of_sidecars
        running, error = False, ""
        for container in reversed(status.get("containerStatuses") or ()):
            restarts.add(container)
            state = container.get("state") or {}
            terminated = state.get("terminated")
            if (state.get("waiting") or {}).get("reason"):
                reason = state["waiting"]["reason"]
            elif terminated is not None:
                reason = _ended(terminated)
                if terminated.get("exitCode", 0) != 0:
                    error = reason
            elif container.get("ready") and state.get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed":
            if running and _holds(status, "Ready"):
                reason = "Running"
            elif error:
                reason = error
            elif running:
                reason = "NotReady"
    if dig(pod, "metadata.deletionTimestamp"):
        if status.get("reason") == NODE_LOST:
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return f"{ready}/{total}", reason, restarts.text(now)


def _pod(pod: Object, now: float) -> list[Any]:
    ready, reason, restarts = pod_summary(pod, now)
    spec, status = pod.get("spec", {}), pod.get("status", {})
    addresses = status.get("podIPs") or ()
    gates = spec.get("readinessGates") or ()
    held = sum(_holds(status, gate["conditionType"]) for gate in gates)
    return [
        pod["metadata"]["name"],
        ready,
        reason,
        restarts,
        since(pod["metadata"].get("creationTimestamp"), now),
        addresses[0]["ip"] if addresses else NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{held}/{len(gates)}" if gates else NONE,
    ]


def _containers(item: Object) -> tuple[str, str]:
    containers = dig(item, "spec.template.spec.containers") or ()
    return ",".join(c["name"] for c in containers), ",".join(c.get("image", "") for c in containers)


def _selector(item: Object) -> str:
    labels = dig(item, "spec.selector.matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or NONE


def _deployment(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    return [
        item["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{dig(item, 'spec.replicas')}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        since(item["metadata"].get("creationTimestamp"), now),
        *_containers(item),
        _selector(item),
    ]


def _replicaset(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    return [
        item["metadata"]["name"],
        dig(item, "spec.replicas"),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        since(item["metadata"].get("creationTimestamp"), now),
        *_containers(item),
        _selector(item),
    ]


def _event(item: Object, now: float) -> list[Any]:
    first = since(item.get("firstTimestamp") or item.get("eventTime"), now)
    count = item.get("count", 1)
    last = first if not item.get("lastTimestamp") else since(item["lastTimestamp"], now)
    if count > 1:
        last = f"{last} (x{count} over {first})"
    about = item.get("involvedObject", {})
    source = item.get("source", {})
    return [
        last,
        item.get("type", ""),
        item.get("reason", ""),
        f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in (source.get("component"), source.get("host")) if part),
        str(item.get("message", "")).strip(),
        first,
        count,
        item["metadata"]["name"],
    ]


def _node(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    info = status.get("nodeInfo", {})
    state = "Ready" if _holds(status, "Ready") else "NotReady"
    if dig(item, "spec.unschedulable"):
        state += ",SchedulingDisabled"
    prefix = "node-role.kubernetes.io/"
    roles = sorted(k.removeprefix(prefix) for k in item["metadata"].get("labels", {}) if k.startswith(prefix))
    addresses = {a["type"]: a["address"] for a in status.get("addresses", ())}
    return [
        item["metadata"]["name"],
        state,
        ",".join(roles) or NONE,
        since(item["metadata"].get("creationTimestamp"), now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage", UNKNOWN),
        info.get("kernelVersion", UNKNOWN),
        info.get("containerRuntimeVersion", UNKNOWN),
    ]


def _namespace(item: Object, now: float) -> list[Any]:
    phase = dig(item, "status.phase")
    return [item["metadata"]["name"], phase, since(item["metadata"].get("creationTimestamp"), now)]


_Column = tuple[str, str, int]  # name, type, priority; priority 1 shows in wide output
_WORKLOAD_TAIL: Sequence[_Column] = (
    ("Age", "string", 0),
    ("Containers", "string", 1),
    ("Images", "string", 1),
    ("Selector", "string", 1),
)
_PRINTERS: dict[str, tuple[Sequence[_Column], Callable[[Object, float], list[Any]]]] = {
    "pods": (
        (
            ("Name", "string", 0),
            ("Ready", "string", 0),
            ("Status", "string", 0),
            ("Restarts", "string", 0),
            ("Age", "string", 0),
            ("IP", "string", 1),
            ("Node", "string", 1),
            ("Nominated Node", "string", 1),
            ("Readiness Gates", "string", 1),
        ),
        _pod,
    ),
    "deployments": (
        (
            ("Name", "string", 0),
            ("Ready", "string", 0),
            ("Up-to-date", "integer", 0),
            ("Available", "integer", 0),
            *_WORKLOAD_TAIL,
        ),
        _deployment,
    ),
    "replicasets": (
        (
            ("Name", "string", 0),
            ("Desired", "integer", 0),
            ("Current", "integer", 0),
            ("Ready", "integer", 0),
            *_WORKLOAD_TAIL,
        ),
        _replicaset,
    ),
    "events": (
        (
            ("Last Seen", "string", 0),
            ("Type", "string", 0),
            ("Reason", "string", 0),
            ("Object", "string", 0),
            ("Subobject", "string", 1),
            ("Source", "string", 1),
            ("Message", "string", 0),
            ("First Seen", "string", 1),
            ("Count", "integer", 1),
            ("Name", "string", 1),
        ),
        _event,
    ),
    "nodes": (
        (
            ("Name", "string", 0),
            ("Status", "string", 0),
            ("Roles", "string", 0),
            ("Age", "string", 0),
            ("Version", "string", 0),
            ("Internal-IP", "string", 1),
            ("External-IP", "string", 1),
            ("OS-Image", "string", 1),
            ("Kernel-Version", "string", 1),
            ("Container-Runtime", "string", 1),
        ),
        _node,
    ),
    "namespaces": ((("Name", "string", 0), ("Status", "string", 0), ("Age", "string", 0)), _namespace),
}


def table(kind: Kind, items: Sequence[Object], metadata: Object, now: float, *, include: str, titled: bool) -> Object:
    """A Table of `items`. `include` is None, Metadata or Object; only the first table of a watch is `titled`."""
    columns, cells = _PRINTERS[kind.resource]
    rows = []
    for item in items:
        row: Object = {"cells": cells(item, now)}
        if include == "Object":
            row["object"] = {"kind": kind.kind, "apiVersion": kind.group_version, **item}
        elif include == "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": item["metadata"],
            }
        rows.append(row)
    definitions = [
        {
            "name": name,
            "type": kind_of,
            "format": "name" if name == "Name" else "",
            "description": name,
            "priority": priority,
        }
        for name, kind_of, priority in columns
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions if titled else [],
        "rows": rows,
    }
