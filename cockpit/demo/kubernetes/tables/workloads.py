"""printDeployment, printReplicaSet, printStatefulSet, printDaemonSet."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, WORKLOAD, Printer, age, containers, pairs, selector


def _template(item: Object) -> tuple[str, str]:
    return containers(dig(item, "spec.template"))


def _deployment(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    return [
        item["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{dig(item, 'spec.replicas')}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(item, now),
        *_template(item),
        selector(item),
    ]


def _replicaset(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    return [
        item["metadata"]["name"],
        dig(item, "spec.replicas"),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(item, now),
        *_template(item),
        selector(item),
    ]


def _statefulset(item: Object, now: float) -> list[Any]:
    ready = f"{dig(item, 'status.readyReplicas') or 0}/{dig(item, 'spec.replicas')}"
    return [item["metadata"]["name"], ready, age(item, now), *_template(item)]


def _daemonset(item: Object, now: float) -> list[Any]:
    status = item.get("status", {})
    return [
        item["metadata"]["name"],
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        pairs(dig(item, "spec.template.spec.nodeSelector")),
        age(item, now),
        *_template(item),
        selector(item),
    ]


DEPLOYMENTS: Printer = (
    (NAME, ("Ready", "string", 0), ("Up-to-date", "integer", 0), ("Available", "integer", 0), *WORKLOAD),
    _deployment,
)
REPLICASETS: Printer = (
    (NAME, ("Desired", "integer", 0), ("Current", "integer", 0), ("Ready", "integer", 0), *WORKLOAD),
    _replicaset,
)
STATEFULSETS: Printer = (
    (NAME, ("Ready", "string", 0), AGE, ("Containers", "string", 1), ("Images", "string", 1)),
    _statefulset,
)
DAEMONSETS: Printer = (
    (
        NAME,
        ("Desired", "integer", 0),
        ("Current", "integer", 0),
        ("Ready", "integer", 0),
        ("Up-to-date", "integer", 0),
        ("Available", "integer", 0),
        ("Node Selector", "string", 0),
        *WORKLOAD,
    ),
    _daemonset,
)
