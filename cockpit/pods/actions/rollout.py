"""Roll a workload's pods over: what begins it, and when it is done by kubectl's own rules
(k8s.io/kubectl pkg/polymorphichelpers: rollout_status.go, objectrestarter.go, objectpauser.go, objectresumer.go)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from cockpit.model import clock, errors
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.subject import STRATEGIC, Subject, unchanged
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.wire import Anything, Metadata, Workload
from cockpit.pods.kinds.daemonset import DAEMONSETS
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.reading import controller
from cockpit.pods.kinds.replicaset import REPLICASETS
from cockpit.pods.kinds.statefulset import STATEFULSETS

ROLLED: dict[str, AnyKind] = {kind.kind: kind for kind in (DEPLOYMENTS, STATEFULSETS, DAEMONSETS)}
OWNERS = frozenset((*ROLLED, REPLICASETS.kind))
"""Controllers of a pod that can be rolled out; a ReplicaSet through its Deployment."""
ROLLOUT_SECONDS = 900.0


@dataclass(slots=True)
class Rollout(Effect):
    """Base: changes a workload and is done when its pods have followed."""

    subject: Subject
    name: str
    generation: int | None = None
    """Of the spec that the user saw; None: it does not matter what it was."""
    _before: Metadata = field(default_factory=Metadata, init=False)
    _changed: int = field(default=0, init=False)
    """Its generation after the change."""
    anew_on_conflict: ClassVar[bool] = True

    @property
    def question(self) -> Question | None:
        return Question("patch", self.subject.kind, self.subject.namespace)

    async def prepare(self, connection: Connection) -> None:
        now = await self.subject.read(connection, Workload)
        unchanged(self.subject, self.generation, now.metadata.generation)
        self._before = now.metadata
        self.check(now)

    def check(self, now: Workload) -> None:
        """Raises errors.Refused where it would be in vain."""

    async def change(self, connection: Connection, change: dict[str, Any]) -> float:
        """Patch what `prepare` has seen, by strategic merge."""
        after = await self.subject.patch(connection, change, self._before, content_type=STRATEGIC)
        self._changed = after.generation or 0
        return ROLLOUT_SECONDS

    async def look(self, connection: Connection) -> Seen:
        now = await self._now(connection)
        if now.status.observed_generation >= self._changed and (later := self.later(now)):
            return Seen(0, wanted(now), True, later)
        return seen(self.subject.kind.resource, self.name, now, generation=self._changed)

    def later(self, now: Workload) -> str:
        """Why its pods do not follow now, so that there is nothing to wait for; else empty."""
        if now.spec.paused:
            return "set; it is paused and rolled out when it is resumed"
        if _on_delete(now):
            return "set; a pod of it is updated when it is deleted"
        return ""

    async def _now(self, connection: Connection) -> Workload:
        try:
            return await self.subject.read(connection, Workload)
        except errors.NotFound as error:
            raise errors.Refused(f"{self.name} was deleted meanwhile") from error


class Restart(Rollout):
    """`kubectl rollout restart`. The subject may be a ReplicaSet: its Deployment is meant."""

    async def prepare(self, connection: Connection) -> None:
        subject = self.subject
        if subject.kind is REPLICASETS:
            found = await subject.read(connection, Anything)
            above = controller(found.metadata)
            if above is None or above.kind not in ROLLED:
                raise errors.Refused(f"replica set {subject.namespace}/{subject.name} belongs to no deployment")
            self.subject = Subject(ROLLED[above.kind], self.source, subject.namespace, above.name)
        await Rollout.prepare(self, connection)

    def check(self, now: Workload) -> None:
        if now.spec.paused:
            raise errors.Refused(f"{self.subject.said} is paused; resume it first")
        if _on_delete(now):
            raise errors.Refused(f"{self.subject.said} updates a pod only when it is deleted; restart its pods")

    async def send(self, connection: Connection) -> float:
        """Stamp its template."""
        stamp = datetime.fromtimestamp(clock.wall(), UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        annotations = {"kubectl.kubernetes.io/restartedAt": stamp}
        return await self.change(connection, {"spec": {"template": {"metadata": {"annotations": annotations}}}})


@dataclass(slots=True)
class SetImage(Rollout):
    """`kubectl set image`: `images` by container, init containers too."""

    images: dict[str, str] = field(default_factory=dict)

    def check(self, now: Workload) -> None:
        spec = now.spec.template.spec
        inits = [each.name for each in spec.init_containers or ()]
        names = [*(each.name for each in spec.containers or ()), *inits]
        if unknown := [name for name in self.images if name not in names]:
            raise errors.Refused(f"{self.subject.said} has no container {unknown[0]!r}; it has {', '.join(names)}")
        self._inits = frozenset(inits)

    _inits: frozenset[str] = field(default=frozenset(), init=False)

    async def send(self, connection: Connection) -> float:
        entries = [{"name": name, "image": image} for name, image in self.images.items()]
        spec = {
            "containers": [each for each in entries if each["name"] not in self._inits],
            "initContainers": [each for each in entries if each["name"] in self._inits],
        }
        given = {name: found for name, found in spec.items() if found}
        return await self.change(connection, {"spec": {"template": {"spec": given}}})


@dataclass(slots=True)
class Pause(Rollout):
    """`kubectl rollout pause` and `resume`. Done when the controller has seen it."""

    paused: bool = True

    def check(self, now: Workload) -> None:
        if bool(now.spec.paused) == self.paused:
            raise errors.Refused(f"{self.subject.said} is {'paused already' if self.paused else 'not paused'}")

    async def send(self, connection: Connection) -> float:
        await self.change(connection, {"spec": {"paused": True if self.paused else None}})
        return 60.0

    async def look(self, connection: Connection) -> Seen:
        now = await self._now(connection)
        if bool(now.spec.paused) != self.paused:
            raise errors.Refused(f"{self.name} was {'resumed' if self.paused else 'paused'} again by somebody else")
        if now.status.observed_generation < self._changed:
            return Seen(0, 1, False, "waiting until its controller has seen it")
        return Seen(1, 1, True, "paused" if self.paused else "resumed")


class Status(Rollout):
    """`kubectl rollout status`: changes nothing, watches what goes on."""

    accepted: ClassVar[str] = "watching"

    @property
    def question(self) -> None:
        return None

    @property
    def left(self) -> str:
        return ""

    def check(self, now: Workload) -> None:
        if later := self.later(now):
            raise errors.Refused(f"{self.subject.said}: {later.removeprefix('set; ')}")

    async def send(self, connection: Connection) -> float:
        return ROLLOUT_SECONDS


def _on_delete(now: Workload) -> bool:
    strategy = now.spec.update_strategy
    return strategy is not None and strategy.type == "OnDelete"


def seen(plural: str, name: str, now: Workload, *, generation: int) -> Seen:
    """How far a rollout is that began with this generation. Raises errors.Refused when it has failed."""
    if now.status.observed_generation < max(generation, now.metadata.generation or 0):
        return Seen(0, wanted(now), False, "waiting until its controller has seen the change")
    match plural:
        case "deployments":
            return _deployment(now, name)
        case "statefulsets":
            return _stateful_set(now)
        case _:
            return _daemon_set(now)


def wanted(workload: Workload) -> int:
    """Replicas; a missing number is 1."""
    return 1 if workload.spec.replicas is None else workload.spec.replicas


def _deployment(now: Workload, name: str) -> Seen:
    for condition in now.status.conditions or ():
        if condition.type == "Progressing" and condition.reason == "ProgressDeadlineExceeded":
            raise errors.Refused(f"{name} exceeded its progress deadline; look at its new pods, or roll it back")
    due, status = wanted(now), now.status
    updated = status.updated_replicas
    if updated < due:
        return Seen(updated, due, False, f"{updated} of {due} pods updated")
    if status.replicas > updated:
        return Seen(updated, due, False, f"{status.replicas - updated} old pods are still terminating")
    if status.available_replicas < updated:
        return Seen(updated, due, False, f"{status.available_replicas} of {updated} updated pods available")
    return Seen(due, due, True, f"{due} of {due} pods updated and available")


def _stateful_set(now: Workload) -> Seen:
    all_, status = wanted(now), now.status
    rolling = now.spec.update_strategy.rolling_update if now.spec.update_strategy else None
    partition = (rolling.partition if rolling else None) or 0
    due = max(0, all_ - partition)
    text = f"{status.updated_replicas} of {due} pods updated, {status.ready_replicas} of {all_} ready"
    ready = status.ready_replicas >= all_ and status.updated_replicas >= due
    whole = ready and (partition > 0 or status.update_revision == status.current_revision)
    return Seen(min(status.updated_replicas, due), due, whole, text)


def _daemon_set(now: Workload) -> Seen:
    status = now.status
    due, updated = status.desired_number_scheduled, status.updated_number_scheduled
    whole = updated >= due and status.number_available >= due
    return Seen(updated, due, whole, f"{updated} of {due} pods updated, {status.number_available} available")


def images_of(text: str, containers: Sequence[str]) -> dict[str, str]:
    """ "app=nginx:1.29 log=fluent:2", or an image alone where there is one container. Raises errors.Refused."""
    found: dict[str, str] = {}
    for word in text.replace(",", " ").split():
        container, equals, image = word.partition("=")
        if not equals and len(containers) == 1:
            container, image = containers[0], word
        if not container or not image:
            named = f"; its containers are {', '.join(containers)}" if containers else ""
            raise errors.Refused(f"{word}: write CONTAINER=IMAGE{named}")
        found[container] = image
    if not found:
        raise errors.Refused("write CONTAINER=IMAGE")
    return found
