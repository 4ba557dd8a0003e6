"""`kubectl scale`: another number of replicas, until so many are ready, or why they are not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from cockpit.model import errors
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.rollout import wanted
from cockpit.pods.actions.subject import MERGE, Subject
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import collection_path
from cockpit.pods.api.wire import Condition, Metadata, PodObject, Wire, Workload
from cockpit.pods.kinds.pod.status import printed

SCALE_SECONDS = 900.0
MOST_REPLICAS = 10_000
"""More is a slip of the finger: a cluster of the largest size has 150,000 pods."""
LOOKED_AT = 50
"""Pods that are asked why they are not ready."""


class _Amount(Wire, frozen=True):
    replicas: int = 0


class _Selected(Wire, frozen=True):
    selector: str = ""


class _Scale(Wire, frozen=True):
    metadata: Metadata
    spec: _Amount = _Amount()
    status: _Selected = _Selected()


class _Reference(Wire, frozen=True):
    kind: str = ""
    name: str = ""


class _ScalerSpec(Wire, frozen=True):
    scale_target_ref: _Reference = _Reference()
    min_replicas: int | None = None
    max_replicas: int = 0


class _Scaler(Wire, frozen=True):
    metadata: Metadata
    spec: _ScalerSpec = _ScalerSpec()


class _Scalers(Wire, frozen=True):
    items: tuple[_Scaler, ...] | None = None


class _Pods(Wire, frozen=True):
    items: tuple[PodObject, ...] | None = None


@dataclass(slots=True)
class Scale(Effect):
    """`seen`: the number that the user saw; None: it does not matter what it was."""

    subject: Subject
    name: str
    replicas: int
    seen: int | None = None
    _before: Metadata = field(default_factory=Metadata, init=False)
    _selector: str = field(default="", init=False)
    _generation: int = field(default=0, init=False)
    anew_on_conflict: ClassVar[bool] = True

    @property
    def question(self) -> Question:
        return Question("patch", self.subject.kind, self.subject.namespace, "scale")

    async def prepare(self, connection: Connection) -> None:
        """Raises errors.Refused when somebody else has scaled it since the user looked."""
        workload = await self.subject.read(connection, Workload)
        try:
            now = await connection.get(f"{self.subject.path}/scale", _Scale)
        except errors.NotFound as error:
            raise errors.NotFound(f"{self.subject.said} is gone already, or cannot be scaled") from error
        if now.metadata.uid != workload.metadata.uid:
            raise errors.NotFound(f"{self.subject.said} was replaced meanwhile; the new one was left alone")
        if self.seen is not None and now.spec.replicas != self.seen:
            raise errors.Refused(
                f"{self.subject.said} was scaled by somebody else meanwhile, to {now.spec.replicas}; look again"
            )
        self._before, self._selector = now.metadata, now.status.selector
        self._generation = workload.metadata.generation or 0
        owner = await self._scaler(connection)
        self.note = f"{self.subject.said} has {now.spec.replicas} replicas" + (f"; {owner}" if owner else "")

    async def send(self, connection: Connection) -> float:
        change = {"spec": {"replicas": self.replicas}}
        await self.subject.patch(connection, change, self._before, content_type=MERGE, sub="/scale")
        return SCALE_SECONDS

    async def look(self, connection: Connection) -> Seen:
        try:
            now = await self.subject.read(connection, Workload)
        except errors.NotFound as error:
            raise errors.Refused(f"{self.name} was deleted meanwhile") from error
        if wanted(now) != self.replicas:
            raise errors.Refused(f"{self.name} was scaled again by somebody else, to {wanted(now)}")
        have, ready = now.status.replicas, now.status.ready_replicas
        if now.status.observed_generation < max(self._generation, now.metadata.generation or 0):
            return Seen(ready, self.replicas, False, "waiting until its controller has seen the change")
        if have == ready == self.replicas:
            return Seen(self.replicas, self.replicas, True, f"{ready} of {self.replicas} replicas ready")
        text = f"{ready} of {self.replicas} replicas ready"
        if have > self.replicas:
            text += f", {have - self.replicas} too many"
        why = _failure(now.status.conditions or ()) or await self._unready(connection)
        return Seen(min(ready, self.replicas), max(1, self.replicas), False, text + (f": {why}" if why else ""))

    async def _unready(self, connection: Connection) -> str:
        """ "2 Pending (0/4 nodes are available), 1 ImagePullBackOff"."""
        path = collection_path("v1", "pods", self.subject.namespace)
        query = {"labelSelector": self._selector, "limit": str(LOOKED_AT)}
        try:
            pods = (await connection.get(path, _Pods, query)).items or () if self._selector else ()
        except errors.SourceError:
            return ""
        seen = [(pod, printed(pod)) for pod in pods]
        states = Counter(_state(pod, shown.status) for pod, shown in seen if shown.ready < shown.total)
        return ", ".join(f"{count} {state}" for state, count in states.most_common(3))

    async def _scaler(self, connection: Connection) -> str:
        """Who else scales it. Empty where there is none, or it cannot be read."""
        path = collection_path("autoscaling/v2", "horizontalpodautoscalers", self.subject.namespace)
        try:
            scalers = (await connection.get(path, _Scalers, {"limit": "500"})).items or ()
        except errors.SourceError:
            return ""
        mine = _Reference(self.subject.kind.kind, self.subject.name)
        for each in scalers:
            if each.spec.scale_target_ref == mine:
                spec = each.spec
                limits = f"{spec.min_replicas or 1} to {spec.max_replicas}"
                return f"the autoscaler {each.metadata.name} ({limits}) owns this number and will set its own"
        return ""


def replicas_of(text: str) -> int:
    """Raises errors.Refused for what is no number of replicas."""
    text = text.strip()
    if not text.isascii() or not text.isdigit():
        raise errors.Refused(f"{text!r} is no number of replicas; write 0 or more")
    if len(text) > 9 or int(text) > MOST_REPLICAS:
        raise errors.Refused(f"{text} replicas are more than {MOST_REPLICAS}: is that a slip?")
    return int(text)


def _failure(conditions: tuple[Condition, ...]) -> str:
    """What keeps its controller from making pods: a quota, an admission."""
    for condition in conditions:
        if condition.type == "ReplicaFailure" and condition.status == "True":
            return condition.message or condition.reason or ""
    return ""


def _state(pod: PodObject, status: str) -> str:
    for condition in (pod.status.conditions if pod.status else None) or ():
        if condition.type == "PodScheduled" and condition.status == "False" and condition.message:
            return f"{status} ({condition.message})"
    return status
