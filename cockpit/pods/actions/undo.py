"""`kubectl rollout undo`: the pod template of an earlier revision (kubectl pkg/polymorphichelpers/rollback.go)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from cockpit.model import errors
from cockpit.pods.actions.rollout import ROLLOUT_SECONDS, Rollout
from cockpit.pods.actions.subject import MANAGER, unchanged, written
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import collection_path
from cockpit.pods.api.wire import Metadata, Wire, Workload
from cockpit.pods.kinds.deployment import DEPLOYMENTS
from cockpit.pods.kinds.reading import LabelSelector, controller, selector_text

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
OWN_ANNOTATIONS = frozenset(
    (
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    )
)
"""The deployment keeps these as they are; the others come back with the revision."""


class _Annotated(Metadata, frozen=True):
    annotations: dict[str, str] | None = None


class _Spec(Wire, frozen=True):
    template: dict[str, Any] = msgspec.field(default_factory=dict)
    selector: LabelSelector | None = None
    paused: bool | None = None


class _Whole(Wire, frozen=True):
    """A deployment or one of its replica sets."""

    metadata: _Annotated
    spec: _Spec = _Spec()


class _Revision(Wire, frozen=True):
    metadata: Metadata
    revision: int = 0
    data: dict[str, Any] = msgspec.field(default_factory=dict)


class _Sets(Wire, frozen=True):
    items: tuple[_Whole, ...] | None = None


class _Revisions(Wire, frozen=True):
    items: tuple[_Revision, ...] | None = None


@dataclass(slots=True)
class Undo(Rollout):
    """To `revision`; 0: to the one before the present one."""

    revision: int = 0
    _body: Any = field(default=None, init=False)

    async def prepare(self, connection: Connection) -> None:
        await Rollout.prepare(self, connection)
        if self.subject.kind is DEPLOYMENTS:
            await self._deployment(connection)
        else:
            await self._revisions(connection)

    def check(self, now: Workload) -> None:
        if now.spec.paused:
            raise errors.Refused(f"{self.subject.said} is paused; resume it first")

    async def send(self, connection: Connection) -> float:
        if self.subject.kind is not DEPLOYMENTS:
            return await self.change(connection, self._body)
        path = f"{self.subject.path}?fieldManager={MANAGER}"
        answer = await connection.send("PATCH", path, self._body, content_type="application/json-patch+json")
        self._changed = written(answer).generation or 0
        return ROLLOUT_SECONDS

    async def _deployment(self, connection: Connection) -> None:
        now = await self.subject.read(connection, _Whole)
        unchanged(self.subject, self._before.generation, now.metadata.generation)
        path = collection_path("apps/v1", "replicasets", self.subject.namespace)
        listed = await connection.get(path, _Sets, _selected(now.spec.selector))
        sets = {
            int(number): each
            for each in listed.items or ()
            if _owned(each.metadata, now.metadata.uid)
            and (number := (each.metadata.annotations or {}).get(REVISION, "")).isdigit()
        }
        chosen = sets[self._chosen(sets)]
        template = msgspec.json.decode(msgspec.json.encode(chosen.spec.template))
        (template.get("metadata", {}).get("labels") or {}).pop(HASH, None)
        own, then = now.metadata.annotations or {}, chosen.metadata.annotations or {}
        annotations = {name: text for name, text in own.items() if name in OWN_ANNOTATIONS}
        annotations |= {name: text for name, text in then.items() if name not in OWN_ANNOTATIONS}
        seen = {"uid": now.metadata.uid, "resourceVersion": now.metadata.resource_version}
        changes = {"/spec/template": template, "/metadata/annotations": annotations}
        changes |= {f"/metadata/{name}": value for name, value in seen.items()}
        self._body = [{"op": "add", "path": path, "value": value} for path, value in changes.items()]

    async def _revisions(self, connection: Connection) -> None:
        now = await self.subject.read(connection, _Whole)
        path = collection_path("apps/v1", "controllerrevisions", self.subject.namespace)
        listed = await connection.get(path, _Revisions, _selected(now.spec.selector))
        found = {each.revision: each for each in listed.items or () if _owned(each.metadata, now.metadata.uid)}
        self._body = found[self._chosen(found)].data

    def _chosen(self, found: dict[int, Any]) -> int:
        """The revision that is meant. Raises errors.Refused."""
        numbers = sorted(found)
        if self.revision:
            if self.revision not in found:
                known = ", ".join(map(str, numbers)) or "none"
                raise errors.Refused(f"{self.subject.said} has no revision {self.revision}; there are {known}")
            if self.revision == numbers[-1]:
                raise errors.Refused(f"{self.subject.said} is at revision {self.revision} already")
            return self.revision
        if len(numbers) < 2:
            raise errors.Refused(f"{self.subject.said} has no revision before the present one")
        self.note = f"back to revision {numbers[-2]}"
        return numbers[-2]


def _owned(meta: Metadata, uid: str) -> bool:
    owner = controller(meta)
    return owner is not None and owner.uid == uid


def _selected(selector: LabelSelector | None) -> dict[str, str]:
    return {"labelSelector": text} if (text := selector_text(selector)) else {}
