"""pkg/controller/daemon: a pod on every node that the template's node selector takes, cordoned ones too."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.owning import (
    Pods,
    is_active,
    owner_reference,
    pod_of,
    share,
    template_hash,
)
from cockpit.demo.kubernetes.controllers.statefulsets import REVISION_LABEL
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.kubelet import pin, pinned
from cockpit.demo.kubernetes.objects import Objects, suffix
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store

GENERATION = "deprecated.daemonset.template.generation"


def pod_for(item: Object, node: str, name: str) -> Object:
    pod = pod_of(item["spec"]["template"], item, owner_reference(kinds.DAEMONSETS, item), name)
    pod["metadata"]["labels"] |= {
        REVISION_LABEL: template_hash(item["spec"]["template"]),
        "pod-template-generation": (item["metadata"].get("annotations") or {}).get(GENERATION, "1"),
    }
    pin(pod["spec"], node)
    return pod


class DaemonSets:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store = store
        self._pods = Pods(kinds.DAEMONSETS, "daemonset-controller", store, objects, recorder)

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        item = record.load()
        chosen = dig(item, "spec.template.spec.nodeSelector") or {}
        nodes = [n.name for n in self._store.all("nodes") if chosen.items() <= n.labels.items()]
        held: dict[str, list[Object]] = {}
        for pod in self._pods.of(record):
            held.setdefault(dig(pod, "spec.nodeName") or pinned(pod), []).append(pod)
        for node in nodes:
            for pod in held.get(node, ()):
                if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                    self._pods.delete(item, pod)
            if not held.get(node):
                name = f"{item['metadata']['name']}-{suffix(self._store)}"
                held[node] = [self._pods.create(item, pod_for(item, node, name))]
        for node, pods in held.items():
            for pod in pods if node not in nodes else ():
                self._pods.delete(item, pod)
        update = template_hash(item["spec"]["template"])
        active = [pod for node in nodes for pod in held[node] if is_active(pod)]
        ready = sum(map(podstate.is_ready, active))
        self._roll(item, active, update, len(nodes) - ready)
        updated = sum(pod["metadata"]["labels"].get(REVISION_LABEL) == update for pod in active)
        status: Object = {
            "currentNumberScheduled": len(active),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": len(nodes),
            "numberReady": ready,
            "observedGeneration": item["metadata"]["generation"],
            "updatedNumberScheduled": updated,
            "numberAvailable": ready,
        }
        if len(nodes) > ready:
            status["numberUnavailable"] = len(nodes) - ready
        self._pods.report(item, status)
        return False

    def _roll(self, item: Object, active: list[Object], update: str, unavailable: int) -> None:
        """Take as many outdated pods away as may be unavailable."""
        strategy = item["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return
        most = share(dig(strategy, "rollingUpdate.maxUnavailable") or 1, len(active), up=True)
        for pod in active:
            if unavailable >= most:
                return
            if pod["metadata"]["labels"].get(REVISION_LABEL) != update:
                self._pods.delete(item, pod)
                unavailable += podstate.is_ready(pod)
