"""The eviction subresource (pkg/registry/core/pod/storage/eviction.go): a pod goes if its budget has room for it."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.budgets import counted, covers
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.refusals import Refusal, bad_request
from cockpit.demo.kubernetes.store import Store


def evict(store: Store, objects: Objects, namespace: str, name: str, sent: Any, *, dry: bool) -> Object:
    """Raises Refusal: 404, 409 on a precondition, 429 where a budget forbids it, 500 where there are two."""
    if not isinstance(sent, dict) or sent.get("kind", "Eviction") != "Eviction":
        raise bad_request("the body is no Eviction")
    record = objects.record(kinds.PODS, namespace, name)
    pod = record.load()
    idle = pod.get("status", {}).get("phase") in ("Pending", "Succeeded", "Failed")
    if not idle and "deletionTimestamp" not in pod["metadata"]:
        budgets = [found.load() for found in store.all("poddisruptionbudgets")]
        budgets = [budget for budget in budgets if covers(budget, record)]
        if len(budgets) > 1:
            why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise Refusal(500, "InternalError", why)
        for budget in budgets:
            _check(budget, counted(store, budget), pod)
    objects.delete(kinds.PODS, namespace, name, sent.get("deleteOptions") or {}, {}, dry=dry)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def _check(budget: Object, numbers: Object, pod: Object) -> None:
    """Raises Refusal (429). A pod that is not ready may go while the others are enough (IfHealthyBudget)."""
    healthy, desired = numbers["currentHealthy"], numbers["desiredHealthy"]
    if numbers["disruptionsAllowed"] > 0 or (not podstate.is_ready(pod) and healthy >= desired > 0):
        return
    name = budget["metadata"]["name"]
    cause = f"The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
    raise Refusal(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
        details={"causes": [{"reason": "DisruptionBudget", "message": cause}]},
    )
