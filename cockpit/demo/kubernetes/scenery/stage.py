"""The cast in the state that time has left it in."""

from __future__ import annotations

import time

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.cluster import Cluster
from cockpit.demo.kubernetes.controllers import daemonsets, jobs, statefulsets
from cockpit.demo.kubernetes.controllers.deployments import replica_set_of
from cockpit.demo.kubernetes.controllers.owning import owner_reference, pod_of, template_hash
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.kubelet import LAST_WORDS
from cockpit.demo.kubernetes.logs import Logs
from cockpit.demo.kubernetes.managed import managed_fields
from cockpit.demo.kubernetes.objects import suffix
from cockpit.demo.kubernetes.scenery.cast import CAST, DAY, NODES, WORKERS, Workload, template_of
from cockpit.demo.kubernetes.scenery.furniture import furnish
from cockpit.demo.kubernetes.scenery.told import tell
from cockpit.demo.kubernetes.scenery.workload import OWNERS, workload
from cockpit.demo.kubernetes.store import Record, Store, timestamp


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
        furnish(self._store, self._save, self._now)
        self._cluster.settle()

    def _enter(self, each: Workload) -> None:
        born = self._now - each.age
        kind = OWNERS.get(each.owner)
        if kind is None:
            self._static(each, born)
            return
        item = workload(each, kind, self._store, born)
        self._save(kind, item)
        name = f"{each.name}-"
        match each.owner:
            case "Deployment":
                made = replica_set_of(item, template_hash(item["spec"]["template"]), "1")
                made["spec"]["replicas"] = each.replicas
                made["metadata"]["creationTimestamp"] = timestamp(born)
                self._save(kinds.REPLICASETS, made)
                template, reference = made["spec"]["template"], owner_reference(kinds.REPLICASETS, made)
                name = f"{made['metadata']['name']}-"
                pods = [pod_of(template, made, reference, name + self._suffix()) for _ in range(each.replicas)]
            case "StatefulSet":
                pods = [statefulsets.pod_for(item, number) for number in range(each.replicas)]
                for number in range(each.replicas):
                    for claim in statefulsets.claims_for(item, number):
                        claim["metadata"]["creationTimestamp"] = timestamp(born)
                        self._save(kinds.CLAIMS, claim)
            case "DaemonSet":
                pods = [daemonsets.pod_for(item, node, name + self._suffix()) for node in NODES]
            case _:
                pods = [jobs.pod_for(item, name + self._suffix()) for _ in range(each.replicas)]
        for number, pod in enumerate(pods):
            self._pod(each, number, pod, born + number * 2)

    def _static(self, each: Workload, born: float) -> None:
        """A pod that a node's kubelet reads from its own disk."""
        node = self._store.get("nodes", "", "cp-1")
        reference = {"apiVersion": "v1", "kind": "Node", "name": "cp-1", "controller": True}
        reference["uid"] = node.uid if node is not None else self._store.uid()
        pod = pod_of(template_of(each), {"metadata": {"namespace": each.space}}, reference, each.name)
        del pod["metadata"]["generateName"]
        self._pod(each, 0, pod, born)

    def _suffix(self) -> str:
        return suffix(self._store)

    def _pod(self, each: Workload, number: int, pod: Object, born: float) -> None:
        metadata = pod["metadata"]
        metadata |= {"uid": self._store.uid(), "creationTimestamp": timestamp(born)}
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
        tell(self._cluster.recorder, each, record.load(), born, self._now)
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
        elif each.behaviour == "fail":
            podstate.stop(pod, "app", podstate.terminated(at + 4, at + 66, code=1))
            self._words(each, pod, "app", at + 66)
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

    def _save(self, kind: kinds.Kind, item: Object) -> Record:
        time_of = item["metadata"]["creationTimestamp"]
        item["metadata"]["managedFields"] = managed_fields(
            item, kind.group_version, manager="kube-controller-manager", time=time_of
        )
        return self._store.put(kind, item)


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
