"""What all controllers that own pods do: templates made into pods, pods counted, made and taken away."""

from __future__ import annotations

import copy
import zlib
from typing import Any, Protocol

import msgspec

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.kinds import Kind, Object, dig
from cockpit.demo.kubernetes.objects import LETTERS, Objects
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store, parse_stamp

AT_ONCE = 500  # pods that one workload makes in one go


def template_hash(template: Object, collisions: int = 0) -> str:
    """A name part from a template, spelt as rand.SafeEncodeString does."""
    number = zlib.crc32(msgspec.json.encode(template, order="sorted") + str(collisions).encode())
    return "".join(LETTERS[ord(char) % len(LETTERS)] for char in str(number))


def share(value: Any, whole: int, *, up: bool) -> int:
    """An IntOrString of the rolling update: a number, or a percentage of `whole`."""
    if isinstance(value, str) and value.endswith("%") and value[:-1].isdigit():
        part = int(value[:-1]) * whole
        return -(-part // 100) if up else part // 100
    return int(value) if isinstance(value, int) else 0


def owner_reference(kind: Kind, owner: Object) -> Object:
    return {
        "apiVersion": kind.group_version,
        "kind": kind.kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_of(template: Object, owner: Object, reference: Object, name: str) -> Object:
    """A pod as a controller makes it from a template."""
    metadata = template.get("metadata", {})
    made: Object = {
        "name": name,
        "generateName": f"{reference['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(metadata.get("labels") or {}),
        "ownerReferences": [reference],
    }
    if metadata.get("annotations"):
        made["annotations"] = dict(metadata["annotations"])
    spec = copy.deepcopy(template["spec"])
    token = f"kube-api-access-{name[-5:]}"
    spec.setdefault("volumes", []).append(
        {
            "name": token,
            "projected": {
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                ],
                "defaultMode": 420,
            },
        }
    )
    mount = {"name": token, "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        container.setdefault("volumeMounts", []).append(mount)
    spec |= {"enableServiceLinks": True, "preemptionPolicy": "PreemptLowerPriority", "priority": 0}
    spec["tolerations"] = [
        {"key": f"node.kubernetes.io/{why}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for why in ("not-ready", "unreachable")
    ]
    return {"metadata": made, "spec": spec, "status": {"phase": "Pending", "qosClass": "Burstable"}}


def is_active(pod: Object) -> bool:
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not ended and "deletionTimestamp" not in pod["metadata"]


class Controller(Protocol):
    def reconcile(self, record: Record, now: float | None = None) -> bool:
        """Bring the world nearer to the spec and the status up to date; whether there is more to do at once."""


class Pods:
    """The pods of one kind of workload, and what is said about them."""

    def __init__(self, kind: Kind, component: str, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._kind, self._component = kind, component
        self._store, self._objects, self._recorder = store, objects, recorder

    def of(self, record: Record) -> list[Object]:
        return [pod.load() for pod in self._store.owned(record.uid, "pods")]

    def create(self, owner: Object, pod: Object) -> Object:
        self._objects.save(kinds.PODS, pod)
        self.say(owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return pod

    def delete(self, owner: Object, pod: Object) -> None:
        record = self._store.get("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
        if record is not None and record.uid == pod["metadata"]["uid"]:
            self._objects.terminate(record)
            self.say(owner, "SuccessfulDelete", f"Deleted pod: {record.name}")

    def say(self, owner: Object, reason: str, message: str, *, warning: bool = False) -> None:
        self._recorder.record(self._kind, owner, reason, message, component=self._component, warning=warning)

    def report(self, item: Object, status: Object) -> None:
        """Write the status where it has changed."""
        if item.get("status") != status:
            item["status"] = status
            self._objects.save(self._kind, item)


def first_to_go(pod: Object) -> tuple[bool, bool, float]:
    """Unassigned before assigned, unready before ready, young before old."""
    born = parse_stamp(pod["metadata"].get("creationTimestamp")) or 0.0
    return bool(dig(pod, "spec.nodeName")), podstate.is_ready(pod), -born
