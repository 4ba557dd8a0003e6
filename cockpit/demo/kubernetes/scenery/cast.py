"""Who plays: the workloads of the demo, and what their pods are made of."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.defaults import defaulted
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.kubelet import BEHAVIOUR
from cockpit.demo.kubernetes.voices import CHATTER

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
NODES = {"cp-1": "192.0.2.10", "worker-1": "192.0.2.11", "worker-2": "192.0.2.12", "worker-3": "192.0.2.13"}
WORKERS = ("worker-1", "worker-2", "worker-3")


class Workload(msgspec.Struct, frozen=True):
    """One line of the cast. `owner`: the kind that controls its pods; `age`: seconds; `restarts`: of `app`."""

    space: str
    name: str
    replicas: int
    image: str
    voice: str = "service"
    behaviour: str = ""
    age: float = 6 * DAY
    restarts: int = 0
    owner: str = "Deployment"
    sidecar: str = ""  # a second container
    native_sidecar: str = ""  # an init container that stays
    init: str = ""


CAST = (
    Workload("shop", "storefront", 3, "nginx:1.29.2", voice="web", sidecar="nginx-exporter", age=2 * DAY),
    Workload("shop", "cart", 3, "registry.example/shop/cart:4.12.0", age=19 * HOUR),
    Workload("shop", "catalog", 2, "registry.example/shop/catalog:2.31.4", restarts=1),
    Workload("shop", "checkout", 3, "registry.example/shop/checkout:7.0.1", native_sidecar="mesh-proxy", age=3 * HOUR),
    Workload("shop", "search", 2, "registry.example/shop/search:1.9.0", init="load-index", age=11 * DAY),
    Workload("shop", "recommendations", 1, "registry.example/shop/recommend:0.14.2", "worker", "oom", 5 * HOUR, 7),
    Workload("shop", "image-resizer", 2, "registry.example/shop/resizer:3.2.2", voice="worker", age=27 * DAY),
    Workload("payments", "gateway", 3, "registry.example/pay/gateway:5.4.0", native_sidecar="mesh-proxy", age=8 * DAY),
    Workload("payments", "ledger", 2, "registry.example/pay/ledger:1.8.3", "service", "crash", 41 * MINUTE, 2),
    Workload("payments", "fraud-scoring", 2, "registry.example/pay/fraud:2.2.0", voice="worker", restarts=3),
    Workload(
        "payments",
        "invoicing",
        1,
        "registry.example/pay/invoicing:3.0.0",
        "service",
        "init-crash",
        26 * MINUTE,
        3,
        init="migrate",
    ),
    Workload("payments", "refunds", 1, "registry.example/pay/refunds:1.1.0", behaviour="unready", age=12 * MINUTE),
    Workload(
        "payments", "reconciler", 1, "registry.example/pay/reconciler:2.0.0-rc9", "worker", "image-missing", 17 * MINUTE
    ),
    Workload("platform", "ingress-nginx", 2, "registry.example/ingress-nginx:1.13.3", voice="web", age=40 * DAY),
    Workload("platform", "grafana", 1, "grafana/grafana:12.2.0", voice="system", age=33 * DAY),
    Workload("platform", "cert-manager", 1, "quay.io/jetstack/cert-manager:v1.19.1", voice="system", age=40 * DAY),
    Workload(
        "platform",
        "geo-import",
        1,
        "registry.example/platform/geo:0.3.1",
        "worker",
        "init-hang",
        9 * MINUTE,
        init="wait-for-db",
    ),
    Workload(
        "platform", "big-cache", 1, "registry.example/platform/cache:1.0.0", behaviour="unschedulable", age=54 * MINUTE
    ),
    Workload("platform", "postgres", 2, "postgres:17.6", voice="system", age=61 * DAY, owner="StatefulSet"),
    Workload(
        "platform",
        "report-export-29114400",
        1,
        "registry.example/platform/report:1.4.0",
        "worker",
        "complete",
        7 * HOUR,
        owner="Job",
    ),
    Workload(
        "platform",
        "report-export-29115840",
        1,
        "registry.example/platform/report:1.4.0",
        "worker",
        "complete",
        2 * HOUR,
        owner="Job",
    ),
    Workload(
        "payments",
        "ledger-backup-29115360",
        2,
        "registry.example/pay/backup:1.2.0",
        "worker",
        "fail",
        9 * HOUR,
        owner="Job",
    ),
    Workload("kube-system", "coredns", 2, "registry.k8s.io/coredns/coredns:v1.12.4", voice="system", age=90 * DAY),
    Workload(
        "kube-system",
        "metrics-server",
        1,
        "registry.k8s.io/metrics-server:v0.8.0",
        voice="system",
        age=90 * DAY,
        restarts=2,
    ),
    Workload(
        "kube-system",
        "kube-proxy",
        4,
        "registry.k8s.io/kube-proxy:v1.36.2",
        voice="system",
        age=90 * DAY,
        owner="DaemonSet",
    ),
    Workload(
        "kube-system",
        "kube-apiserver-cp-1",
        1,
        "registry.k8s.io/kube-apiserver:v1.36.2",
        voice="system",
        age=90 * DAY,
        owner="Node",
    ),
    Workload("kube-system", "etcd-cp-1", 1, "registry.k8s.io/etcd:3.6.5-0", voice="system", age=90 * DAY, owner="Node"),
)


def _container(name: str, image: str) -> Object:
    return {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"},
            "periodSeconds": 10,
            "timeoutSeconds": 1,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
    }


def template_of(each: Workload) -> Object:
    """The pod template of one of the cast."""
    annotations = {CHATTER: each.voice}
    if each.behaviour:
        annotations[BEHAVIOUR] = each.behaviour
    containers = [_container("app", each.image)]
    if each.voice == "service":
        containers[0]["resources"]["limits"]["cpu"] = "500m"
    if each.sidecar:
        containers.append(_container(each.sidecar, f"registry.example/{each.sidecar}:1.5.0"))
    spec: Object = {"containers": containers}
    inits: list[Any] = []
    if each.init:
        inits.append({"name": each.init, "image": each.image, "command": ["/bin/init"]})
    if each.native_sidecar:
        inits.append(
            _container(each.native_sidecar, "registry.example/mesh-proxy:1.27.1") | {"restartPolicy": "Always"}
        )
    if inits:
        spec["initContainers"] = inits
    if each.owner == "Job":
        spec["restartPolicy"] = "Never"
    labels = {"app": each.name, "app.kubernetes.io/name": each.name, "app.kubernetes.io/part-of": each.space}
    template: Object = {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}
    defaulted(kinds.PODS, template, Random(0))
    del template["status"]
    return template
