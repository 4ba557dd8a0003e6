"""pkg/controller/deployment: rollouts, their history in replica sets, their conditions.

Rolling updates keep maxSurge and maxUnavailable; scaling in the middle of a rollout goes to the new set alone, where
the real controller spreads it.
"""

from __future__ import annotations

import copy
import time

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.controllers.owning import owner_reference, share, template_hash
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Record, Store, parse_stamp, timestamp

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def replica_set_of(deployment: Object, digest: str, revision: str) -> Object:
    """An empty replica set for a deployment's present template."""
    template = copy.deepcopy(deployment["spec"]["template"])
    template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = digest
    return {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{digest}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": {REVISION: revision},
            "ownerReferences": [owner_reference(kinds.DEPLOYMENTS, deployment)],
            "generation": 1,
        },
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {**deployment["spec"]["selector"]["matchLabels"], HASH: digest}},
            "template": template,
        },
        "status": {"replicas": 0},
    }


class Deployments:
    def __init__(self, store: Store, objects: Objects, recorder: Recorder) -> None:
        self._store, self._objects, self._recorder = store, objects, recorder

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        """One step of the rollout that the spec asks for, and the status as it now is; more comes with events."""
        item = record.load()
        sets = [found.load() for found in self._store.owned(record.uid, "replicasets")]
        # Of two sets with the same template the older is the new one (FindNewReplicaSet), today and tomorrow.
        sets.sort(key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]))
        new = next((s for s in sets if _same_template(s, item)), None)
        paused = bool(item["spec"].get("paused"))
        if new is None and not paused:
            new = self._new_set(item, sets)
            sets.append(new)
        elif new is not None and not paused:
            self._freshen(item, new, sets)
        old = [s for s in sets if s is not new]
        self._roll(item, new, old)
        if not paused:
            self._forget_oldest(item, old)
        self._report(record, item, new, sets, time.time() if now is None else now)
        return False

    # -- sets

    def _new_set(self, item: Object, sets: list[Object]) -> Object:
        namespace = item["metadata"]["namespace"]
        collisions = 0
        while True:
            digest = template_hash(item["spec"]["template"], collisions)
            if self._store.get("replicasets", namespace, f"{item['metadata']['name']}-{digest}") is None:
                break
            collisions += 1
        revision = str(max((_revision(s) for s in sets), default=0) + 1)
        made = replica_set_of(item, digest, revision)
        self._objects.save(kinds.REPLICASETS, made)
        item["metadata"].setdefault("annotations", {})[REVISION] = revision
        return made

    def _freshen(self, item: Object, new: Object, sets: list[Object]) -> None:
        """A rollback brings an old set forward: it becomes the latest revision."""
        latest = max(_revision(s) for s in sets)
        if _revision(new) < latest:
            new["metadata"].setdefault("annotations", {})[REVISION] = str(latest + 1)
            self._objects.save(kinds.REPLICASETS, new)
        item["metadata"].setdefault("annotations", {})[REVISION] = str(_revision(new))

    def _scale(self, item: Object, target: Object, replicas: int) -> None:
        before = target["spec"]["replicas"]
        if replicas == before:
            return
        target["spec"]["replicas"] = replicas
        target["metadata"]["generation"] += 1
        self._objects.save(kinds.REPLICASETS, target)
        direction = "up" if replicas > before else "down"
        message = f"Scaled {direction} replica set {target['metadata']['name']} from {before} to {replicas}"
        self._recorder.record(kinds.DEPLOYMENTS, item, "ScalingReplicaSet", message, component="deployment-controller")

    def _roll(self, item: Object, new: Object | None, old: list[Object]) -> None:
        spec = item["spec"]
        wanted = spec["replicas"]
        if new is None:
            if len(active := [s for s in old if s["spec"]["replicas"]]) == 1:
                self._scale(item, active[0], wanted)
            return
        if dig(spec, "strategy.type") == "Recreate":
            for each in old:
                self._scale(item, each, 0)
            if not any(self._store.owned(s["metadata"]["uid"], "pods") for s in old):
                self._scale(item, new, wanted)
            return
        surge = share(dig(spec, "strategy.rollingUpdate.maxSurge"), wanted, up=True)
        unavailable = share(dig(spec, "strategy.rollingUpdate.maxUnavailable"), wanted, up=False)
        if surge == unavailable == 0:
            unavailable = 1
        total = sum(s["spec"]["replicas"] for s in (*old, new))
        held = new["spec"]["replicas"]
        if held > wanted:
            self._scale(item, new, wanted)
        elif held < wanted and total < wanted + surge:
            self._scale(item, new, min(wanted, held + wanted + surge - total))
        self._shrink(item, new, old, least=wanted - min(unavailable, wanted))

    def _shrink(self, item: Object, new: Object, old: list[Object], *, least: int) -> None:
        """Take from the old sets what may go: pods that do not work first, then whole ones down to `least`."""
        everything = sum(s["spec"]["replicas"] for s in (*old, new))
        new_missing = new["spec"]["replicas"] - _available(new)
        room = everything - least - new_missing
        for each in sorted(old, key=_revision):
            broken = min(room, each["spec"]["replicas"] - _available(each))
            if broken > 0:
                self._scale(item, each, each["spec"]["replicas"] - broken)
                room -= broken
        spare = min(room, sum(map(_available, (*old, new))) - least)
        for each in sorted(old, key=_revision):
            going = min(spare, each["spec"]["replicas"])
            if going > 0:
                self._scale(item, each, each["spec"]["replicas"] - going)
                spare -= going

    def _forget_oldest(self, item: Object, old: list[Object]) -> None:
        empty = [s for s in old if not s["spec"]["replicas"] and not dig(s, "status.replicas")]
        excess = len(empty) - item["spec"].get("revisionHistoryLimit", 10)
        for each in sorted(empty, key=_revision)[: max(0, excess)]:
            self._store.remove(kinds.REPLICASETS, each["metadata"]["namespace"], each["metadata"]["name"])

    # -- status

    def _report(self, record: Record, item: Object, new: Object | None, sets: list[Object], now: float) -> None:
        wanted = item["spec"]["replicas"]
        replicas = sum(dig(s, "status.replicas") or 0 for s in sets)
        ready = sum(dig(s, "status.readyReplicas") or 0 for s in sets)
        available = sum(map(_available, sets))
        updated = (dig(new, "status.replicas") or 0) if new is not None else 0
        before = item.get("status") or {}
        numbers = {
            "replicas": replicas,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": available,
            "unavailableReplicas": max(0, max(replicas, wanted) - available),
        }
        status: Object = {"observedGeneration": item["metadata"]["generation"]}
        status |= {name: number for name, number in numbers.items() if number}
        status["conditions"] = copy.deepcopy(before.get("conditions", []))
        rolling = dig(item, "spec.strategy.rollingUpdate.maxUnavailable")
        enough = available >= wanted - share(rolling, wanted, up=False)
        whether = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        lacking = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
        _set(status, "Available", enough, *(whether if enough else lacking), now=now, moved=False)
        name = new["metadata"]["name"] if new is not None else ""
        complete = updated == replicas == available == wanted and new is not None
        moved = any(before.get(key, 0) != number for key, number in numbers.items() if key != "unavailableReplicas")
        progress = next((c for c in status["conditions"] if c["type"] == "Progressing"), None)
        if complete:
            text = f'ReplicaSet "{name}" has successfully progressed.'
            _set(status, "Progressing", True, "NewReplicaSetAvailable", text, now=now, moved=False)
        elif progress is not None and progress["reason"] == "NewReplicaSetAvailable" and replicas == updated:
            pass  # a pod that falters after its rollout is no rollout
        elif moved or progress is None or before.get("observedGeneration") != item["metadata"]["generation"]:
            text = f'ReplicaSet "{name}" is progressing.'
            _set(status, "Progressing", True, "ReplicaSetUpdated", text, now=now, moved=True)
        elif not item["spec"].get("paused"):
            since = parse_stamp(progress.get("lastUpdateTime")) or now
            if now - since > item["spec"].get("progressDeadlineSeconds", 600):
                text = f'ReplicaSet "{name}" has timed out progressing.'
                _set(status, "Progressing", False, "ProgressDeadlineExceeded", text, now=now, moved=False)
        item["status"] = status
        if item != record.load():
            self._objects.save(kinds.DEPLOYMENTS, item)


def _set(status: Object, kind: str, held: bool, reason: str, message: str, *, now: float, moved: bool) -> None:
    """Set a deployment's condition; `moved` renews its time even when nothing else has changed."""
    condition = next((c for c in status["conditions"] if c["type"] == kind), None)
    if condition is None:
        condition = {"type": kind, "lastTransitionTime": timestamp(now)}
        status["conditions"].append(condition)
    state = "True" if held else "False"
    changed = condition.get("status") != state or condition.get("reason") != reason
    if condition.get("status") not in (None, state):
        condition["lastTransitionTime"] = timestamp(now)
    if changed or moved or condition.get("message") != message:
        condition["lastUpdateTime"] = timestamp(now)
    condition |= {"status": state, "reason": reason, "message": message}


def _available(replica_set: Object) -> int:
    return int(dig(replica_set, "status.availableReplicas") or 0)


def _revision(replica_set: Object) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _same_template(replica_set: Object, deployment: Object) -> bool:
    template = copy.deepcopy(replica_set["spec"]["template"])
    (template.get("metadata", {}).get("labels") or {}).pop(HASH, None)
    wanted = copy.deepcopy(deployment["spec"]["template"])
    for each in (template, wanted):
        each.setdefault("metadata", {}).pop("creationTimestamp", None)
    return bool(template == wanted)
