"""pkg/controller/statefulset: one pod after the other, each with its own claims; updates from the last one down."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.owning import Pods, is_active, owner_reference, pod_of, template_hash
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store

REVISION_LABEL = "controller-revision-hash"


def revision_of(item: Object) -> str:
    return f"{item['metadata']['name']}-{template_hash(item['spec']['template'])}"


def pod_for(item: Object, ordinal: int) -> Object:
    name = f"{item['metadata']['name']}-{ordinal}"
    pod = pod_of(item["spec"]["template"], item, owner_reference(kinds.STATEFULSETS, item), name)
    del pod["metadata"]["generateName"]
    pod["metadata"]["labels"] |= {
        REVISION_LABEL: revision_of(item),
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(ordinal),
    }
    pod["spec"] |= {"hostname": name, "subdomain": item["spec"].get("serviceName", "")}
    for claim in item["spec"].get("volumeClaimTemplates") or ():
        volume = claim["metadata"]["name"]
        pod["spec"]["volumes"].append({"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{name}"}})
    return pod


def claims_for(item: Object, ordinal: int) -> list[Object]:
    """The claims of one pod. They outlive it, and the set."""
    made = []
    for template in item["spec"].get("volumeClaimTemplates") or ():
        name = f"{template['metadata']['name']}-{item['metadata']['name']}-{ordinal}"
        labels = dict(dig(item, "spec.selector.matchLabels") or {})
        metadata = {"name": name, "namespace": item["metadata"]["namespace"], "labels": labels}
        made.append({"metadata": metadata, "spec": dict(template["spec"]), "status": {"phase": "Pending"}})
    return made


class StatefulSets:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store, self._objects = store, objects
        self._pods = Pods(kinds.STATEFULSETS, "statefulset-controller", store, objects, recorder)

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        item = record.load()
        wanted = item["spec"].get("replicas", 1)
        update = revision_of(item)
        held = {int(pod["metadata"]["name"].rpartition("-")[2]): pod for pod in self._pods.of(record)}
        self._step(item, held, wanted, update)
        active = [pod for pod in held.values() if is_active(pod)]
        ready = sum(map(podstate.is_ready, active))
        updated = sum(pod["metadata"]["labels"].get(REVISION_LABEL) == update for pod in active)
        current = dig(item, "status.currentRevision") or update
        if updated == len(active) == wanted == ready:
            current = update
        status: Object = {
            "observedGeneration": item["metadata"]["generation"],
            "replicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "updatedReplicas": updated,
            "currentReplicas": sum(pod["metadata"]["labels"].get(REVISION_LABEL) == current for pod in active),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        self._pods.report(item, status)
        return False

    def _step(self, item: Object, held: dict[int, Object], wanted: int, update: str) -> None:
        """The next thing that is in order; what follows waits for it unless the policy is Parallel."""
        parallel = item["spec"].get("podManagementPolicy") == "Parallel"
        for ordinal in range(wanted):
            pod = held.get(ordinal)
            if pod is None:
                for claim in claims_for(item, ordinal):
                    key = (claim["metadata"]["namespace"], claim["metadata"]["name"])
                    if self._store.get("persistentvolumeclaims", *key) is None:
                        self._objects.save(kinds.CLAIMS, claim)
                pod = held[ordinal] = self._pods.create(item, pod_for(item, ordinal))
            if pod.get("status", {}).get("phase") in ("Failed", "Succeeded"):
                self._pods.delete(item, pod)
            if not parallel and not (is_active(pod) and podstate.is_ready(pod)):
                return
        for ordinal in sorted((n for n in held if n >= wanted), reverse=True):
            if is_active(held[ordinal]):
                self._pods.delete(item, held[ordinal])
            if not parallel:
                return
        strategy = item["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") == "RollingUpdate":
            least = int(dig(strategy, "rollingUpdate.partition") or 0)
            for ordinal in sorted((n for n in held if least <= n < wanted), reverse=True):
                pod = held[ordinal]
                if not is_active(pod) or not podstate.is_ready(pod):
                    return
                if pod["metadata"]["labels"].get(REVISION_LABEL) != update:
                    self._pods.delete(item, pod)
                    return
