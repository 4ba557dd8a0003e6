"""`kubectl cordon` and `uncordon`: whether a node takes new pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from cockpit.model import errors
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.subject import STRATEGIC, Subject
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.wire import Metadata, Wire

CORDON_SECONDS = 60.0


class _Spec(Wire, frozen=True):
    unschedulable: bool | None = None


class NodeObject(Wire, frozen=True):
    """The part of a node that says whether it takes pods."""

    metadata: Metadata
    spec: _Spec = _Spec()

    @property
    def cordoned(self) -> bool:
        return bool(self.spec.unschedulable)


@dataclass(slots=True)
class Cordon(Effect):
    """Pods that are there stay."""

    subject: Subject
    name: str
    cordoned: bool = True
    _before: Metadata = field(default_factory=Metadata, init=False)
    anew_on_conflict: ClassVar[bool] = True

    @property
    def question(self) -> Question:
        return Question("patch", self.subject.kind, "")

    async def prepare(self, connection: Connection) -> None:
        node = await self.subject.read(connection, NodeObject)
        if node.cordoned == self.cordoned:
            raise errors.Refused(f"{self.subject.said} is {'cordoned already' if self.cordoned else 'not cordoned'}")
        self._before = node.metadata

    async def send(self, connection: Connection) -> float:
        await cordon(connection, self.subject, self._before, cordoned=self.cordoned)
        return CORDON_SECONDS

    async def look(self, connection: Connection) -> Seen:
        node = await self.subject.read(connection, NodeObject)
        if node.cordoned != self.cordoned:
            raise errors.Refused(f"somebody else has {'un' if self.cordoned else ''}cordoned {self.name} again")
        return Seen(1, 1, True, "takes no new pods" if self.cordoned else "takes pods again")


async def cordon(connection: Connection, node: Subject, seen: Metadata, *, cordoned: bool) -> None:
    """Null, as kubectl writes it: the field goes away."""
    change = {"spec": {"unschedulable": True if cordoned else None}}
    await node.patch(connection, change, seen, content_type=STRATEGIC)
