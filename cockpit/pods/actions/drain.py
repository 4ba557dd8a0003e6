"""`kubectl drain`: cordon a node and evict its pods (k8s.io/kubectl pkg/drain: filters.go, drain.go).

Pods of daemon sets and static pods stay. A pod that nothing makes again and one with data in an emptyDir are refused
before anything happens, unless they were agreed to. A disruption budget that forbids an eviction for now (429) is asked
again until it allows it, the time is over, or the task is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cockpit.model import clock, errors
from cockpit.pods.actions.cordon import NodeObject, cordon
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.subject import Subject
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import collection_path, pod_path
from cockpit.pods.api.refusals import Conflict
from cockpit.pods.api.wire import Metadata, Wire
from cockpit.pods.kinds.reading import controller

UNLIMITED_SECONDS = 7 * 24 * 3600.0
AGAIN_SECONDS = (1.0, 5.0)
"""Before a refused eviction is asked for again, at first and at most: kubectl waits 5 s."""
PODS_AT_ONCE = 8
SAID = 3
"""Pods that a line of progress names."""
MIRROR = "kubernetes.io/config.mirror"


class _Annotated(Metadata, frozen=True):
    annotations: dict[str, str] | None = None


class _Volume(Wire, frozen=True):
    name: str = ""
    empty_dir: dict[str, Any] | None = None


class _Spec(Wire, frozen=True):
    volumes: tuple[_Volume, ...] | None = None


class _Status(Wire, frozen=True):
    phase: str | None = None


class PodOnNode(Wire, frozen=True):
    """What decides whether a pod may be evicted."""

    metadata: _Annotated
    spec: _Spec = _Spec()
    status: _Status = _Status()

    @property
    def path(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"


class _Pods(Wire, frozen=True):
    items: tuple[PodOnNode, ...] | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What drains more than it must; kubectl's --force, --delete-emptydir-data, --grace-period and --timeout."""

    bare: bool = False
    empty_dir: bool = False
    grace_seconds: int | None = None
    """None: each pod's own."""
    timeout_seconds: float = 0.0
    """0: however long it takes."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The pods of a node by what is done with them."""

    leaving: tuple[PodOnNode, ...]
    staying: tuple[PodOnNode, ...]
    """Of daemon sets, and static ones."""
    refused: tuple[tuple[PodOnNode, str], ...]
    """With the reason."""


def sort(pods: Iterable[PodOnNode], consent: Consent) -> Sorted:
    """By kubectl's filters. A pod that has ended may always go."""
    leaving: list[PodOnNode] = []
    staying: list[PodOnNode] = []
    refused: list[tuple[PodOnNode, str]] = []
    for pod in pods:
        owner = controller(pod.metadata)
        ended = pod.status.phase in ("Succeeded", "Failed")
        if MIRROR in (pod.metadata.annotations or {}) or (owner is not None and owner.kind == "Node"):
            staying.append(pod)
        elif ended:
            leaving.append(pod)
        elif owner is not None and owner.kind == "DaemonSet":
            staying.append(pod)
        elif owner is None and not consent.bare:
            refused.append((pod, "no controller makes it again"))
        elif any(volume.empty_dir is not None for volume in pod.spec.volumes or ()) and not consent.empty_dir:
            refused.append((pod, "its emptyDir data would be lost"))
        else:
            leaving.append(pod)
    return Sorted(tuple(leaving), tuple(staying), tuple(refused))


async def planned(connection: Connection, node: str, consent: Consent) -> list[str]:
    """What would become of each pod of a node, a line each."""
    found = sort(await _on_node(connection, node), consent)
    return [
        *(f"{node}: evicts {pod.path}" for pod in found.leaving),
        *(f"{node}: leaves {pod.path}" for pod in found.staying),
        *(f"{node}: is held by {pod.path}: {why}" for pod, why in found.refused),
    ]


async def _on_node(connection: Connection, node: str) -> tuple[PodOnNode, ...]:
    query = {"fieldSelector": f"spec.nodeName={node}"}
    return (await connection.get(collection_path("v1", "pods", ""), _Pods, query)).items or ()


@dataclass(slots=True)
class _Leaving:
    """One pod on its way out."""

    pod: PodOnNode
    evicted: bool = False
    gone: bool = False
    why: str = ""
    """Why it was not evicted yet."""
    again_at: float = 0.0
    pause_seconds: float = AGAIN_SECONDS[0]


@dataclass(slots=True)
class Drain(Effect):
    """One node."""

    subject: Subject
    name: str
    consent: Consent = Consent()
    _before: NodeObject | None = field(default=None, init=False)
    _pods: dict[str, _Leaving] = field(default_factory=dict, init=False)
    _staying: int = field(default=0, init=False)
    anew_on_conflict: ClassVar[bool] = True
    accepted: ClassVar[str] = "cordoned; evicting"

    @property
    def question(self) -> Question:
        return Question("patch", self.subject.kind, "")

    @property
    def left(self) -> str:
        """The node stays as it is, and nothing more is evicted."""
        away = [each.pod.path for each in self._pods.values() if each.evicted]
        rest = len(self._pods) - len(away)
        named = f" ({_listed(away)})" if away else ""
        return (
            f"{self.name} stays cordoned; {len(away)} of {len(self._pods)} pods were evicted{named}; "
            + (f"{rest} stay, " if rest else "")
            + "nothing more is evicted"
        )

    async def prepare(self, connection: Connection) -> None:
        """Raises errors.Refused for pods that were not agreed to: then nothing has happened, not even the cordon."""
        self._before = await self.subject.read(connection, NodeObject)
        found = sort(await _on_node(connection, self.subject.name), self.consent)
        if found.refused:
            why = _listed([f"{pod.path}: {reason}" for pod, reason in found.refused])
            raise errors.Refused(
                f"{len(found.refused)} pods of {self.name} hold it: {why}; nothing was done; agree to them to drain it"
            )
        stays = f"; {len(found.staying)} of daemon sets and static ones stay" if found.staying else ""
        self.note = f"{len(found.leaving)} pods to evict{stays}"

    async def send(self, connection: Connection) -> float:
        """Cordon it; the pods that it has then are those that go."""
        assert self._before is not None
        if not self._before.cordoned:
            await cordon(connection, self.subject, self._before.metadata, cordoned=True)
        try:
            found = sort(await _on_node(connection, self.subject.name), self.consent)
        except errors.SourceError as error:
            raise errors.Refused(
                f"{self.name} stays cordoned, nothing was evicted: its pods could not be read: {error}"
            ) from error
        if found.refused:
            pod, reason = found.refused[0]
            raise errors.Refused(
                f"{self.name} stays cordoned, nothing was evicted: {pod.path} came meanwhile: {reason}"
            )
        self._pods = {pod.metadata.uid: _Leaving(pod) for pod in found.leaving}
        return self.consent.timeout_seconds or UNLIMITED_SECONDS

    async def look(self, connection: Connection) -> Seen:
        """See which are gone, then ask for those that are not on their way yet."""
        here = {pod.metadata.uid: pod for pod in await _on_node(connection, self.subject.name)}
        for uid, each in self._pods.items():
            each.gone = uid not in here
            if each.gone or here[uid].metadata.deletion_timestamp:
                each.evicted, each.why = True, ""
        now = clock.steady()
        due = [each for each in self._pods.values() if not each.evicted and each.again_at <= now]
        gate = asyncio.Semaphore(PODS_AT_ONCE)

        async def one(each: _Leaving) -> None:
            async with gate:
                await self._evict(connection, each)

        try:
            async with asyncio.TaskGroup() as group:
                for each in due:
                    group.create_task(one(each))
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return self._seen()

    def _seen(self) -> Seen:
        total, gone = len(self._pods), sum(each.gone for each in self._pods.values())
        text = f"{gone} of {total} pods gone"
        held = [f"{each.pod.path} ({each.why})" for each in self._pods.values() if each.why]
        ending = [each.pod.path for each in self._pods.values() if each.evicted and not each.gone]
        if held:
            text += f"; not yet: {_listed(held)}"
        if ending:
            text += f"; ending: {_listed(ending)}"
        return Seen(gone, total, gone == total, text)

    async def _evict(self, connection: Connection, each: _Leaving) -> None:
        meta = each.pod.metadata
        options: dict[str, Any] = {"preconditions": {"uid": meta.uid}}
        if self.consent.grace_seconds is not None:
            options["gracePeriodSeconds"] = self.consent.grace_seconds
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": meta.name, "namespace": meta.namespace},
            "deleteOptions": options,
        }
        try:
            await connection.send("POST", f"{pod_path(meta.namespace, meta.name)}/eviction", body)
        except errors.RateLimited as error:
            self._again(each, _reason(error))
        except (errors.NotFound, Conflict):
            each.evicted = True  # gone, or another one bears its name: the next look says which
        except (errors.UnknownOutcome, errors.Unreachable) as error:
            # Looked at before it is asked for again; its uid makes a second eviction harmless.
            self._again(each, str(error))
        except errors.SourceError as error:
            raise errors.Refused(f"{each.pod.path} cannot be evicted: {error}; {self.left}") from error
        else:
            each.evicted, each.why = True, ""

    @staticmethod
    def _again(each: _Leaving, why: str) -> None:
        each.why, each.again_at = why, clock.steady() + each.pause_seconds
        each.pause_seconds = min(AGAIN_SECONDS[1], each.pause_seconds * 2)


def _reason(error: errors.RateLimited) -> str:
    """The server's own words, without whom it told to wait how long."""
    return str(error).partition("; told to wait")[0].partition(": ")[2] or str(error)


def _listed(texts: list[str]) -> str:
    more = f" and {len(texts) - SAID} more" if len(texts) > SAID else ""
    return ", ".join(texts[:SAID]) + more
