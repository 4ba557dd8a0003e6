"""pkg/controller/replicaset."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.owning import AT_ONCE, Pods, first_to_go, is_active, owner_reference, pod_of
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.objects import Objects, suffix
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store


class ReplicaSets:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store = store
        self._pods = Pods(kinds.REPLICASETS, "replicaset-controller", store, objects, recorder)

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        """Bring the pods to the number wanted and the status up to date; whether there is more to do."""
        item = record.load()
        active = [pod for pod in self._pods.of(record) if is_active(pod)]
        wanted = item["spec"].get("replicas", 1)
        missing = wanted - len(active)
        for _ in range(min(missing, AT_ONCE)):
            active.append(self._create(item))
        if missing < 0:
            for pod in sorted(active, key=first_to_go)[:-missing]:
                self._pods.delete(item, pod)
        ready = sum(podstate.is_ready(pod) for pod in active)
        status: Object = {"replicas": len(active)}
        if active:
            status |= {"fullyLabeledReplicas": len(active)}
        if ready:
            status |= {"readyReplicas": ready, "availableReplicas": ready}
        status["observedGeneration"] = item["metadata"]["generation"]
        self._pods.report(item, status)
        return bool(missing > AT_ONCE)

    def _create(self, owner: Object) -> Object:
        name = f"{owner['metadata']['name']}-{suffix(self._store)}"
        reference = owner_reference(kinds.REPLICASETS, owner)
        return self._pods.create(owner, pod_of(owner["spec"]["template"], owner, reference, name))
