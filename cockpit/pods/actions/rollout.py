"""Restart a workload's pods one after the other, as `kubectl rollout restart` and `kubectl rollout status` do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cockpit.model import clock, errors
from cockpit.pods.actions.effects import Seen
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import object_path
from cockpit.pods.api.wire import Anything, Workload

PLURALS = {"Deployment": "deployments", "StatefulSet": "statefulsets", "DaemonSet": "daemonsets"}
OWNERS = frozenset((*PLURALS, "ReplicaSet"))
"""Controllers of a pod that can be rolled out; a ReplicaSet through its Deployment."""
ROLLOUT_SECONDS = 900.0
MANAGER = "cockpit"
_PATCH = "application/strategic-merge-patch+json"


@dataclass(slots=True)
class Rollout:
    """`kind` and `owner` are a pod's controller."""

    source: str
    namespace: str
    kind: str
    owner: str
    name: str
    _path: str = field(default="", init=False)
    _plural: str = field(default="", init=False)
    _uid: str = field(default="", init=False)
    _generation: int = field(default=0, init=False)

    async def prepare(self, connection: Connection) -> None:
        """Find the workload. Raises errors.Refused where stamping it would not restart anything."""
        kind, owner = self.kind, self.owner
        if kind == "ReplicaSet":
            found = await connection.get(object_path("apps/v1", "replicasets", self.namespace, owner), Anything)
            above = next((o for o in found.metadata.owner_references or () if o.controller), None)
            if above is None or above.kind not in PLURALS:
                raise errors.Refused(f"replica set {self.namespace}/{owner} belongs to no deployment; restart its pods")
            kind, owner = above.kind, above.name
        self._plural = PLURALS[kind]
        self._path = object_path("apps/v1", self._plural, self.namespace, owner)
        now = await connection.get(self._path, Workload)
        if now.spec.paused:
            raise errors.Refused(f"deployment {self.namespace}/{owner} is paused; kubectl rollout resume it first")
        strategy = now.spec.update_strategy
        if strategy is not None and strategy.type == "OnDelete":
            raise errors.Refused(f"{kind} {self.namespace}/{owner} updates a pod only when it is deleted; restart them")
        self._uid, self._generation = now.metadata.uid, (now.metadata.generation or 0) + 1

    async def send(self, connection: Connection) -> float:
        """Stamp its template; its uid is a precondition."""
        stamp = datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        patch = {
            "metadata": {"uid": self._uid},
            "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": stamp}}}},
        }
        await connection.send("PATCH", f"{self._path}?fieldManager={MANAGER}", patch, content_type=_PATCH)
        return ROLLOUT_SECONDS

    async def look(self, connection: Connection) -> Seen:
        """Done by kubectl's own rules (k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go)."""
        try:
            now = await connection.get(self._path, Workload)
        except errors.NotFound as error:
            raise errors.Refused(f"{self.name} was deleted while it was rolled out") from error
        return seen(self._plural, self.name, now, generation=self._generation)


def seen(plural: str, name: str, now: Workload, *, generation: int) -> Seen:
    """How far a rollout is that began with this generation. Raises errors.Refused when it has failed."""
    if now.status.observed_generation < max(generation, now.metadata.generation or 0):
        return Seen(0, _wanted(now), False, "waiting until its controller has seen the change")
    match plural:
        case "deployments":
            return _deployment(now, name)
        case "statefulsets":
            return _stateful_set(now)
        case _:
            return _daemon_set(now)


def _wanted(workload: Workload) -> int:
    return 1 if workload.spec.replicas is None else workload.spec.replicas


def _deployment(now: Workload, name: str) -> Seen:
    for condition in now.status.conditions or ():
        if condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded":
            raise errors.Refused(f"{name} exceeded its progress deadline; look at its new pods, or roll it back")
    wanted, status = _wanted(now), now.status
    updated = status.updated_replicas
    if updated < wanted:
        return Seen(updated, wanted, False, f"{updated} of {wanted} pods updated")
    if status.replicas > updated:
        return Seen(updated, wanted, False, f"{status.replicas - updated} old pods are still terminating")
    if status.available_replicas < updated:
        return Seen(updated, wanted, False, f"{status.available_replicas} of {updated} updated pods available")
    return Seen(wanted, wanted, True, f"{wanted} of {wanted} pods updated and available")


def _stateful_set(now: Workload) -> Seen:
    wanted, status = _wanted(now), now.status
    rolling = now.spec.update_strategy.rolling_update if now.spec.update_strategy else None
    partition = (rolling.partition if rolling else None) or 0
    due = max(0, wanted - partition)
    text = f"{status.updated_replicas} of {due} pods updated, {status.ready_replicas} of {wanted} ready"
    ready = status.ready_replicas >= wanted and status.updated_replicas >= due
    whole = ready and (partition > 0 or status.update_revision == status.current_revision)
    return Seen(min(status.updated_replicas, due), due, whole, text)


def _daemon_set(now: Workload) -> Seen:
    status = now.status
    wanted, updated = status.desired_number_scheduled, status.updated_number_scheduled
    whole = updated >= wanted and status.number_available >= wanted
    return Seen(updated, wanted, whole, f"{updated} of {wanted} pods updated, {status.number_available} available")
