"""The demo's cluster: four nodes, four namespaces and some forty pods, of which a few are in trouble."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.cluster import Cluster
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.kubelet import BEHAVIOUR, LAST_WORDS
from cockpit.demo.kubernetes.logs import Logs
from cockpit.demo.kubernetes.managed import managed_fields
from cockpit.demo.kubernetes.objects import defaulted, suffix
from cockpit.demo.kubernetes.store import Record, Store, timestamp
from cockpit.demo.kubernetes.voices import CHATTER
from cockpit.demo.kubernetes.workloads import owner_reference, pod_of, replica_set_of, template_hash

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


class Scenery:
    """Builds the cast in the state that time has left it in, and hands the restless to the kubelets."""

    def __init__(self, store: Store, logs: Logs, cluster: Cluster) -> None:
        self._store, self._logs, self._cluster = store, logs, cluster
        self._now = time.time()

    def build(self) -> None:
        for name, address in NODES.items():
            self._store.put(kinds.NODES, _node(name, address, self._now - 90 * DAY))
        for space in ("default", "kube-system", *dict.fromkeys(each.space for each in CAST)):
            if self._store.get("namespaces", "", space) is None:
                self._store.put(kinds.NAMESPACES, _namespace(space, self._now - 90 * DAY))
        for each in CAST:
            self._enter(each)
        self._cluster.settle()

    def _enter(self, each: Workload) -> None:
        born = self._now - each.age
        if each.owner == "Deployment":
            deployment = _deployment(each, born)
            self._save(kinds.DEPLOYMENTS, deployment)
            made = replica_set_of(deployment, template_hash(deployment["spec"]["template"]), "1")
            made["spec"]["replicas"] = each.replicas
            made["metadata"]["creationTimestamp"] = timestamp(born)
            self._save(kinds.REPLICASETS, made)
            template, reference = made["spec"]["template"], owner_reference(kinds.REPLICASETS, made)
        else:
            group = {"Job": "batch/v1", "Node": "v1"}.get(each.owner, "apps/v1")
            template = template_of(each)
            name = "cp-1" if each.owner == "Node" else each.name
            reference = {
                "apiVersion": group,
                "kind": each.owner,
                "name": name,
                "uid": self._store.uid(),
                "controller": True,
            }
            made = {"metadata": {"namespace": each.space}}
        for number in range(each.replicas):
            name = {"StatefulSet": f"{each.name}-{number}", "Node": each.name}.get(
                each.owner, f"{reference['name']}-{suffix(self._store)}"
            )
            self._pod(each, number, pod_of(template, made, reference, name), born + number * 2)

    def _pod(self, each: Workload, number: int, pod: Object, born: float) -> None:
        metadata = pod["metadata"]
        metadata |= {"uid": self._store.uid(), "creationTimestamp": timestamp(born)}
        if each.owner == "StatefulSet" or each.owner == "Node":
            del metadata["generateName"]
        if each.behaviour == "unschedulable":
            message = (
                f"0/{len(NODES)} nodes are available: {len(NODES)} Insufficient memory. no new claims to deallocate."
            )
            podstate.set_condition(pod["status"], "PodScheduled", False, born, "Unschedulable", message)
        else:
            everywhere = tuple(NODES)
            node = (
                everywhere[number]
                if each.owner == "DaemonSet"
                else "cp-1"
                if each.owner == "Node"
                else self._store.random.choice(WORKERS)
            )
            podstate.place(pod, node, NODES[node], born + 1)
            if each.behaviour != "image-missing":
                podstate.give_address(pod, self._cluster.kubelets.address(), born + 3)
            self._history(each, pod, born + 4)
            podstate.judge(pod, born + 8)
        record = self._save(kinds.PODS, pod)
        self._tell(each, record.load(), born)
        if each.behaviour in ("crash", "oom", "init-crash", "image-missing", "unready", "unschedulable"):
            self._cluster.kubelets.resume(record)

    def _history(self, each: Workload, pod: Object, at: float) -> None:
        """What its containers have been through."""
        for container in pod["spec"].get("initContainers", ()):
            name = container["name"]
            podstate.start(pod, name, at, ready=container.get("restartPolicy") == "Always")
            if each.behaviour == "init-hang":
                return
            if each.behaviour == "init-crash":
                self._failed(each, pod, name)
                return
            if container.get("restartPolicy") != "Always":
                podstate.stop(pod, name, podstate.terminated(at, at + 3))
                podstate.container_status(pod, name)["ready"] = True
        if each.behaviour == "image-missing":
            image = pod["spec"]["containers"][0]["image"]
            podstate.container_status(pod, "app")["state"] = podstate.waiting(
                "ImagePullBackOff", f'Back-off pulling image "{image}"'
            )
            return
        for container in pod["spec"]["containers"]:
            podstate.start(pod, container["name"], at + 4, ready=each.behaviour != "unready")
        if each.behaviour in ("crash", "oom"):
            self._failed(each, pod, "app")
        elif each.behaviour == "complete":
            podstate.stop(pod, "app", podstate.terminated(at + 4, at + 190))
            self._words(each, pod, "app", at + 190)
        elif each.restarts:
            self._restarted(each, pod)

    def _restarted(self, each: Workload, pod: Object) -> None:
        """A container that has been restarted and runs since."""
        ended = self._now - each.age / 3
        status = podstate.container_status(pod, "app")
        status |= {
            "restartCount": each.restarts,
            "lastState": podstate.terminated(ended - 3600, ended, code=137, reason="OOMKilled"),
            "state": podstate.running(ended + 2),
        }

    def _failed(self, each: Workload, pod: Object, name: str) -> None:
        ended = self._now - 9
        code, reason = (137, "OOMKilled") if each.behaviour == "oom" else (1, "Error")
        podstate.stop(pod, name, podstate.terminated(ended - 4, ended, code=code, reason=reason))
        podstate.container_status(pod, name)["restartCount"] = each.restarts
        podstate.back_off(pod, name, min(300, 10 * 2**each.restarts))
        self._words(each, pod, name, ended)

    def _words(self, each: Workload, pod: Object, name: str, ended: float) -> None:
        log = self._logs.begin(pod["metadata"]["uid"], name, began=ended - 5, voice=None)
        for number, line in enumerate(LAST_WORDS[each.behaviour]):
            log.write(line, ended - 1 + number * 0.05)
        log.end(ended)

    def _tell(self, each: Workload, pod: Object, born: float) -> None:
        """The events that a real server would still keep."""
        where = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
        image = pod["spec"]["containers"][0]["image"]
        broken = "migrate" if each.behaviour == "init-crash" else "app"
        told: dict[str, tuple[str, str]] = {
            "crash": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
            "oom": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
            "init-crash": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
            "image-missing": (
                "Failed",
                f'Failed to pull image "{image}": failed to pull and unpack image "{image}": not found',
            ),
            "unready": ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
        }
        recorder, host = self._cluster.recorder, pod["spec"].get("nodeName", "")
        if self._now - born < HOUR and host:
            assigned = f"Successfully assigned {each.space}/{pod['metadata']['name']} to {host}"
            recorder.record(
                kinds.PODS, pod, "Scheduled", assigned, component="default-scheduler", first=born, last=born
            )
        if each.behaviour in told:
            reason, message = told[each.behaviour]
            began = max(born + 10, self._now - 50 * MINUTE)
            recorder.record(
                kinds.PODS,
                pod,
                reason,
                message,
                component="kubelet",
                warning=True,
                host=host,
                container=broken,
                first=began,
                last=self._now - 9,
                count=max(2, int((self._now - began) / 150)),
            )

    def _save(self, kind: kinds.Kind, item: Object) -> Record:
        time_of = item["metadata"]["creationTimestamp"]
        item["metadata"]["managedFields"] = managed_fields(
            item, kind.group_version, manager="kube-controller-manager", time=time_of
        )
        return self._store.put(kind, item)


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
    defaulted(kinds.PODS, template)
    del template["status"]
    return template


def _deployment(each: Workload, born: float) -> Object:
    template = template_of(each)
    item: Object = {
        "metadata": {
            "name": each.name,
            "namespace": each.space,
            "labels": dict(template["metadata"]["labels"]),
            "creationTimestamp": timestamp(born),
        },
        "spec": {
            "replicas": each.replicas,
            "selector": {"matchLabels": {"app": each.name}},
            "template": template,
        },
    }
    defaulted(kinds.DEPLOYMENTS, item)
    return item


def _namespace(name: str, born: float) -> Object:
    metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name}, "creationTimestamp": timestamp(born)}
    return {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}


def _node(name: str, address: str, born: float) -> Object:
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    if name.startswith("cp"):
        labels["node-role.kubernetes.io/control-plane"] = ""
    status: Object = {
        "capacity": {"cpu": "8", "memory": "32Gi", "pods": "110"},
        "allocatable": {"cpu": "7800m", "memory": "30Gi", "pods": "110"},
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "nodeInfo": {
            "kubeletVersion": "v1.36.2",
            "osImage": "Debian GNU/Linux 13 (trixie)",
            "kernelVersion": "6.12.57",
            "containerRuntimeVersion": "containerd://2.1.4",
            "architecture": "amd64",
            "operatingSystem": "linux",
        },
    }
    podstate.set_condition(status, "Ready", True, born, "KubeletReady", "kubelet is posting ready status")
    return {
        "metadata": {"name": name, "labels": labels, "creationTimestamp": timestamp(born)},
        "spec": {},
        "status": status,
    }
