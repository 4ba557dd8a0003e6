"""Server-side printing: the `meta.k8s.io/v1` Table that `kubectl get` asks for.

Follows pkg/printers/internalversion/printers.go, written from its behaviour for this simulator alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.tables import batch, cluster, network, pods, policy, storage, workloads
from cockpit.demo.kubernetes.tables.cells import Printer

_PRINTERS: Mapping[str, Printer] = {
    "pods": pods.PODS,
    "deployments": workloads.DEPLOYMENTS,
    "replicasets": workloads.REPLICASETS,
    "statefulsets": workloads.STATEFULSETS,
    "daemonsets": workloads.DAEMONSETS,
    "jobs": batch.JOBS,
    "cronjobs": batch.CRONJOBS,
    "events": cluster.EVENTS,
    "nodes": cluster.NODES,
    "namespaces": cluster.NAMESPACES,
    "services": network.SERVICES,
    "ingresses": network.INGRESSES,
    "configmaps": storage.CONFIGMAPS,
    "secrets": storage.SECRETS,
    "persistentvolumeclaims": storage.CLAIMS,
    "poddisruptionbudgets": policy.BUDGETS,
    "certificates": policy.CERTIFICATES,
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
