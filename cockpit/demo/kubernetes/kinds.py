"""The resources that the simulator serves, and how the API names them (discovery, paths, `kind`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")
_SUB_VERBS = {
    "log": ["get"],
    "exec": ["create", "get"],
    "portforward": ["create", "get"],
    "eviction": ["create"],
}
_SUB_GROUPS = {"Scale": ("autoscaling", "v1"), "Eviction": ("policy", "v1")}
Object = dict[str, Any]  # one Kubernetes object as decoded JSON


class Kind(msgspec.Struct, frozen=True):
    """One resource type. `group_version`: `v1` or `apps/v1`; `fields`: field selectors beside name and namespace.

    `custom`: of a CustomResourceDefinition, which takes no strategic merge patch.
    """

    resource: str
    kind: str
    group_version: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, str] = {}  # frozen
    fields: Mapping[str, str] = {}  # label -> dotted path
    custom: bool = False

    @property
    def group(self) -> str:
        return self.group_version.rpartition("/")[0]

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def qualified(self) -> str:
        """What error messages call it: `pods`, `deployments.apps`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def discovery(self) -> list[Object]:
        entry: Object = {
            "name": self.resource,
            "singularName": self.singular,
            "namespaced": self.namespaced,
            "kind": self.kind,
            "verbs": list(VERBS),
        }
        if self.short:
            entry["shortNames"] = list(self.short)
        if self.categories:
            entry["categories"] = list(self.categories)
        entries = [entry]
        for sub, kind in self.subresources.items():
            child: Object = {
                "name": f"{self.resource}/{sub}",
                "singularName": "",
                "namespaced": self.namespaced,
                "kind": kind,
                "verbs": _SUB_VERBS.get(sub, ["get", "patch", "update"]),
            }
            if kind in _SUB_GROUPS:
                child["group"], child["version"] = _SUB_GROUPS[kind]
            entries.append(child)
        return entries


PODS = Kind(
    "pods",
    "Pod",
    "v1",
    short=("po",),
    categories=("all",),
    subresources={
        "log": "Pod",
        "exec": "PodExecOptions",
        "portforward": "PodPortForwardOptions",
        "eviction": "Eviction",
    },
    fields={
        "spec.nodeName": "spec.nodeName",
        "spec.restartPolicy": "spec.restartPolicy",
        "spec.schedulerName": "spec.schedulerName",
        "spec.serviceAccountName": "spec.serviceAccountName",
        "status.phase": "status.phase",
        "status.podIP": "status.podIP",
    },
)
NODES = Kind(
    "nodes", "Node", "v1", short=("no",), namespaced=False, fields={"spec.unschedulable": "spec.unschedulable"}
)
NAMESPACES = Kind(
    "namespaces", "Namespace", "v1", short=("ns",), namespaced=False, fields={"status.phase": "status.phase"}
)
EVENTS = Kind(
    "events",
    "Event",
    "v1",
    short=("ev",),
    fields={
        "involvedObject.kind": "involvedObject.kind",
        "involvedObject.namespace": "involvedObject.namespace",
        "involvedObject.name": "involvedObject.name",
        "involvedObject.uid": "involvedObject.uid",
        "involvedObject.fieldPath": "involvedObject.fieldPath",
        "reason": "reason",
        "type": "type",
        "source": "source.component",
        "reportingComponent": "reportingComponent",
    },
)
DEPLOYMENTS = Kind(
    "deployments",
    "Deployment",
    "apps/v1",
    short=("deploy",),
    categories=("all",),
    subresources={"scale": "Scale"},
)
REPLICASETS = Kind(
    "replicasets",
    "ReplicaSet",
    "apps/v1",
    short=("rs",),
    categories=("all",),
    subresources={"scale": "Scale"},
)

STATEFULSETS = Kind(
    "statefulsets", "StatefulSet", "apps/v1", short=("sts",), categories=("all",), subresources={"scale": "Scale"}
)
DAEMONSETS = Kind("daemonsets", "DaemonSet", "apps/v1", short=("ds",), categories=("all",))
JOBS = Kind("jobs", "Job", "batch/v1", categories=("all",), fields={"status.successful": "status.succeeded"})
CRONJOBS = Kind("cronjobs", "CronJob", "batch/v1", short=("cj",), categories=("all",))
SERVICES = Kind(
    "services",
    "Service",
    "v1",
    short=("svc",),
    categories=("all",),
    fields={"spec.clusterIP": "spec.clusterIP", "spec.type": "spec.type"},
)
INGRESSES = Kind("ingresses", "Ingress", "networking.k8s.io/v1", short=("ing",))
CONFIGMAPS = Kind("configmaps", "ConfigMap", "v1", short=("cm",))
SECRETS = Kind("secrets", "Secret", "v1", fields={"type": "type"})
CLAIMS = Kind("persistentvolumeclaims", "PersistentVolumeClaim", "v1", short=("pvc",))
BUDGETS = Kind("poddisruptionbudgets", "PodDisruptionBudget", "policy/v1", short=("pdb",))
CERTIFICATES = Kind(
    "certificates",
    "Certificate",
    "cert-manager.io/v1",
    short=("cert", "certs"),
    categories=("cert-manager",),
    custom=True,
)

KINDS: Mapping[str, Kind] = {
    kind.resource: kind
    for kind in (
        PODS,
        NODES,
        NAMESPACES,
        EVENTS,
        SERVICES,
        CONFIGMAPS,
        SECRETS,
        CLAIMS,
        DEPLOYMENTS,
        REPLICASETS,
        STATEFULSETS,
        DAEMONSETS,
        JOBS,
        CRONJOBS,
        INGRESSES,
        BUDGETS,
        CERTIFICATES,
    )
}


def find(group_version: str, resource: str) -> Kind | None:
    kind = KINDS.get(resource)
    return kind if kind is not None and kind.group_version == group_version else None


def dig(item: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where a step is missing."""
    value: Any = item
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
