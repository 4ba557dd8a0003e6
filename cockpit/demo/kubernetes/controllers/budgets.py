"""pkg/controller/disruption: how many pods of each budget may be taken away now."""

from __future__ import annotations

import time

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.owning import is_active, share
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.store import Record, Store, timestamp


def covers(budget: Object, pod: Record) -> bool:
    """Whether a budget is about this pod (an empty selector takes all of its namespace: policy/v1)."""
    chosen = dig(budget, "spec.selector.matchLabels") or {}
    return budget["metadata"]["namespace"] == pod.namespace and chosen.items() <= pod.labels.items()


def counted(store: Store, budget: Object) -> Object:
    """The numbers of a budget's status as the pods are at this moment."""
    spec = budget["spec"]
    pods = [r.load() for r in store.all("pods") if r.namespace == budget["metadata"]["namespace"] and covers(budget, r)]
    active = [pod for pod in pods if is_active(pod)]
    healthy = sum(map(podstate.is_ready, active))
    if "maxUnavailable" in spec:
        desired = len(active) - share(spec["maxUnavailable"], len(active), up=True)
    else:
        desired = share(spec.get("minAvailable", 1), len(active), up=True)
    return {
        "currentHealthy": healthy,
        "desiredHealthy": max(0, desired),
        "expectedPods": len(active),
        "disruptionsAllowed": max(0, healthy - max(0, desired)) if active else 0,
    }


class Budgets:
    def __init__(self, store: Store, objects: Objects) -> None:
        self._store, self._objects = store, objects

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        item = record.load()
        numbers = counted(self._store, item)
        status = item.get("status") or {}
        if all(status.get(key) == number for key, number in numbers.items()):
            return False
        allowed = numbers["disruptionsAllowed"] > 0
        item["status"] = {
            **numbers,
            "observedGeneration": item["metadata"].get("generation", 1),
            "conditions": [
                {
                    "type": "DisruptionAllowed",
                    "status": "True" if allowed else "False",
                    "reason": "SufficientPods" if allowed else "InsufficientPods",
                    "message": "",
                    "observedGeneration": item["metadata"].get("generation", 1),
                    "lastTransitionTime": timestamp(time.time() if now is None else now),
                }
            ],
        }
        self._objects.save(kinds.BUDGETS, item)
        return False
