"""metrics.k8s.io/v1beta1: what pods and nodes use, made up from the time and the uid, so that it moves and repeats."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.refusals import not_found, unknown_path
from cockpit.demo.kubernetes.selectors import selector
from cockpit.demo.kubernetes.store import Record, Store, timestamp

VERSION = "metrics.k8s.io/v1beta1"
EVERY = 15.0  # seconds of one measurement
_PODS = kinds.PODS
PERIOD = 600.0  # seconds of the slow wave
BASE_CPU, BASE_MEMORY = 180_000_000, 900 * 1024  # of a node without pods: nanocores, KiB
MEMORY = 128 * 1024  # KiB around which a container stays


class _State(msgspec.Struct):
    running: Object | None = None


class _Container(msgspec.Struct):
    name: str
    state: _State = msgspec.field(default_factory=_State)


class _Status(msgspec.Struct):
    containerStatuses: list[_Container] = []


class _Pod(msgspec.Struct):
    status: _Status = msgspec.field(default_factory=_Status)


def _usage(uid: str, container: str, moment: float) -> tuple[int, int]:
    """Nanocores and KiB of one container at a measurement."""
    seed = zlib.crc32(f"{uid}{container}".encode())
    wave = 0.5 + 0.5 * math.sin(2 * math.pi * (moment / PERIOD + seed % 1000 / 1000))
    level = 0.05 + (seed >> 10) % 100 / 100
    return int(120_000_000 * level * (0.3 + wave)), int(MEMORY * (0.4 + level + 0.2 * wave))


class Metrics:
    def __init__(self, store: Store) -> None:
        self._store = store

    def answer(self, path: str, query: Mapping[str, str]) -> Object:
        """What is at a path below /apis/metrics.k8s.io/v1beta1/. Raises Refusal."""
        match path.strip("/").split("/"):
            case ["nodes"]:
                return self._listed("Node", [self._node(n) for n in self._chosen("nodes", "", query)])
            case ["nodes", name]:
                return self._headed("Node", self._node(self._found("nodes", "", name)))
            case ["pods"]:
                return self._listed("Pod", self._pods("", query))
            case ["namespaces", namespace, "pods"]:
                return self._listed("Pod", self._pods(namespace, query))
            case ["namespaces", namespace, "pods", name]:
                measured = self._pod(self._found("pods", namespace, name))
                if measured is None:
                    raise not_found(_PODS, name)
                return self._headed("Pod", measured)
        raise unknown_path()

    @staticmethod
    def _headed(kind: str, item: Object) -> Object:
        return {"kind": f"{kind}Metrics", "apiVersion": VERSION, **item}

    @staticmethod
    def _listed(kind: str, items: list[Object]) -> Object:
        return {"kind": f"{kind}MetricsList", "apiVersion": VERSION, "metadata": {}, "items": items}

    def _found(self, resource: str, namespace: str, name: str) -> Record:
        record = self._store.get(resource, namespace, name)
        if record is None:
            raise not_found(kinds.KINDS[resource], name)
        return record

    def _chosen(self, resource: str, namespace: str, query: Mapping[str, str]) -> list[Record]:
        kind = kinds.KINDS[resource]
        accepts = selector(kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))
        records = (r for r in self._store.all(resource) if not namespace or r.namespace == namespace)
        return sorted((r for r in records if accepts is None or accepts(r)), key=lambda r: r.key)

    def _pods(self, namespace: str, query: Mapping[str, str]) -> list[Object]:
        return [m for r in self._chosen("pods", namespace, query) if (m := self._pod(r)) is not None]

    def _pod(self, record: Record) -> Object | None:
        """None while no container of it runs."""
        moment = time.time() // EVERY * EVERY
        statuses = msgspec.json.decode(record.body, type=_Pod).status.containerStatuses
        containers = []
        for status in statuses:
            if status.state.running is not None:
                cpu, memory = _usage(record.uid, status.name, moment)
                containers.append({"name": status.name, "usage": _shown(cpu, memory)})
        return _measured(record, moment) | {"containers": containers} if containers else None

    def _node(self, record: Record) -> Object:
        moment = time.time() // EVERY * EVERY
        cpu, memory = BASE_CPU, BASE_MEMORY
        for pod in self._store.all("pods"):
            if pod.fields.get("spec.nodeName") == record.name and pod.fields.get("status.phase") == "Running":
                more_cpu, more_memory = _usage(pod.uid, "app", moment)
                cpu, memory = cpu + more_cpu, memory + more_memory
        return _measured(record, moment) | {"usage": _shown(cpu, memory)}


def _shown(cpu: int, memory: int) -> Object:
    return {"cpu": f"{cpu}n", "memory": f"{memory}Ki"}


def _measured(record: Record, moment: float) -> Object:
    stamp = timestamp(moment)
    metadata: dict[str, Any] = {"name": record.name, "creationTimestamp": stamp, "labels": dict(record.labels)}
    if record.namespace:
        metadata["namespace"] = record.namespace
    return {"metadata": metadata, "timestamp": stamp, "window": f"{EVERY:.0f}s"}
