"""pkg/controller/job: pods until enough have succeeded, or more have failed than the back-off limit allows.

A failed pod is replaced at once; the real controller waits longer each time.
"""

from __future__ import annotations

import copy
import time

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.controllers.owning import Pods, is_active, owner_reference, pod_of
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.objects import Objects, suffix
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store, timestamp


def pod_for(item: Object, name: str) -> Object:
    return pod_of(item["spec"]["template"], item, owner_reference(kinds.JOBS, item), name)


def ended(item: Object) -> bool:
    conditions = dig(item, "status.conditions") or ()
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


class Jobs:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store = store
        self._pods = Pods(kinds.JOBS, "job-controller", store, objects, recorder)

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        item = record.load()
        if ended(item):
            return False
        moment = time.time() if now is None else now
        spec, status = item["spec"], copy.deepcopy(item.get("status") or {})
        pods = self._pods.of(record)
        phases = [pod.get("status", {}).get("phase") for pod in pods]
        succeeded, failed = phases.count("Succeeded"), phases.count("Failed")
        active = [pod for pod in pods if is_active(pod)]
        if spec.get("suspend"):
            for pod in active:
                self._pods.delete(item, pod)
            active = []
            status.pop("startTime", None)
            _condition(status, "Suspended", True, "JobSuspended", "Job suspended", moment)
        else:
            status.setdefault("startTime", timestamp(moment))
            if any(c["type"] == "Suspended" for c in status.get("conditions", ())):
                _condition(status, "Suspended", False, "JobResumed", "Job resumed", moment)
            wanted = spec.get("completions", 1)
            if failed > spec.get("backoffLimit", 6):
                for pod in active:
                    self._pods.delete(item, pod)
                active = []
                message = "Job has reached the specified backoff limit"
                _condition(status, "Failed", True, "BackoffLimitExceeded", message, moment)
                self._pods.say(item, "BackoffLimitExceeded", message, warning=True)
            elif succeeded >= wanted:
                message = "Reached expected number of succeeded pods"
                _condition(status, "Complete", True, "CompletionsReached", message, moment)
                status["completionTime"] = timestamp(moment)
                self._pods.say(item, "Completed", "Job completed")
            else:
                for _ in range(min(spec.get("parallelism", 1), wanted - succeeded) - len(active)):
                    name = f"{item['metadata']['name']}-{suffix(self._store)}"
                    active.append(self._pods.create(item, pod_for(item, name)))
        numbers = {
            "active": len(active),
            "succeeded": succeeded,
            "failed": failed,
            "ready": sum(map(podstate.is_ready, active)),
        }
        for key, number in numbers.items():
            if number or key == "ready":
                status[key] = number
            else:
                status.pop(key, None)
        self._pods.report(item, status)
        return False


def _condition(status: Object, kind: str, held: bool, reason: str, message: str, at: float) -> None:
    conditions: list[Object] = status.setdefault("conditions", [])
    state = "True" if held else "False"
    found = next((c for c in conditions if c["type"] == kind), None)
    if found is not None and found["status"] == state:
        return
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    stamp = timestamp(at)
    found |= {
        "status": state,
        "reason": reason,
        "message": message,
        "lastProbeTime": stamp,
        "lastTransitionTime": stamp,
    }
