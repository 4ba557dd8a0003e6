"""Many pods at once, for load: cut from one template, so that fifty thousand are quick and cost their JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from random import Random

import msgspec

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.deployments import replica_set_of
from cockpit.demo.kubernetes.controllers.owning import owner_reference, pod_of, template_hash
from cockpit.demo.kubernetes.defaults import defaulted
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.managed import managed_fields
from cockpit.demo.kubernetes.store import Record, Store, timestamp

GROUP = 250  # pods of one deployment
SPACES = 20  # namespaces load-00, load-01, ...
AGE = 5 * 86400.0


def _deployment(name: str, namespace: str, replicas: int, born: str, random: Random) -> Object:
    labels = {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "load"}
    container = {
        "name": "app",
        "image": f"registry.example/{name}:2.4.1",
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{n}", "value": f"value-{n}"} for n in range(8)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10},
    }
    item: Object = {
        "metadata": {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": born},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    defaulted(kinds.DEPLOYMENTS, item, random)
    return item


def _pods(store: Store, replica_set: Object, count: int, nodes: list[str], born: float) -> Iterator[Record]:
    """The pods of one set: one is built, the others are it with names, addresses and numbers replaced."""
    reference = owner_reference(kinds.REPLICASETS, replica_set)
    name, space = replica_set["metadata"]["name"], replica_set["metadata"]["namespace"]
    pod = pod_of(replica_set["spec"]["template"], replica_set, reference, f"{name}-@@@@@")
    pod["metadata"] |= {"uid": "@UID@", "resourceVersion": "@RV@", "creationTimestamp": timestamp(born)}
    podstate.place(pod, "@NODE@", "192.0.2.10", born)
    podstate.give_address(pod, "@IP@", born)
    podstate.start(pod, "app", born, ready=True)
    podstate.judge(pod, born)
    pod["metadata"]["managedFields"] = managed_fields(
        pod, "v1", manager="kube-controller-manager", time=timestamp(born)
    )
    template = msgspec.json.encode(pod)
    version = store.version
    labels = pod["metadata"]["labels"]
    for number in range(count):
        version += 1
        node, uid, mark = nodes[number % len(nodes)], store.uid(), f"{number:05d}"
        ip = f"10.{128 + number % 100}.{number // 250 % 250}.{number % 250}"
        body = template
        for old, new in (("@@@@@", mark), ("@UID@", uid), ("@RV@", str(version)), ("@NODE@", node), ("@IP@", ip)):
            body = body.replace(old.encode(), new.encode())
        fields = {"spec.nodeName": node, "status.phase": "Running", "status.podIP": ip, "spec.restartPolicy": "Always"}
        yield Record("pods", space, f"{name}-{mark}", uid, version, labels, fields, reference["uid"], body)


async def synthetic(store: Store, count: int) -> None:
    """Add `count` running pods, in deployments of `GROUP`, over namespaces `load-NN`."""
    born = time.time() - AGE
    stamp = timestamp(born)
    nodes = sorted(record.name for record in store.all("nodes")) or ["node-1"]
    for number, start in enumerate(range(0, count, GROUP)):
        space, replicas = f"load-{number % SPACES:02d}", min(GROUP, count - start)
        if store.get("namespaces", "", space) is None:
            store.put(kinds.NAMESPACES, {"metadata": {"name": space}, "spec": {}, "status": {"phase": "Active"}})
        deployment = _deployment(f"load-{number:04d}", space, replicas, stamp, store.random)
        deployment["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
        whole = {"replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas}
        deployment["status"] = {
            "observedGeneration": 1,
            "updatedReplicas": replicas,
            **whole,
            "conditions": [
                {
                    "type": "Available",
                    "status": "True",
                    "reason": "MinimumReplicasAvailable",
                    "message": "Deployment has minimum availability.",
                    "lastUpdateTime": stamp,
                    "lastTransitionTime": stamp,
                },
            ],
        }
        store.put(kinds.DEPLOYMENTS, deployment)
        replica_set = replica_set_of(deployment, template_hash(deployment["spec"]["template"]), "1")
        replica_set["metadata"]["creationTimestamp"] = stamp
        replica_set["spec"]["replicas"] = replicas
        replica_set["status"] = {**whole, "fullyLabeledReplicas": replicas, "observedGeneration": 1}
        store.put(kinds.REPLICASETS, replica_set)
        store.load(_pods(store, replica_set, replicas, nodes, born))
        await asyncio.sleep(0)
