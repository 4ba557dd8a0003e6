"""Restart a pod: delete it, so that its controller makes a new one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from cockpit.model import errors
from cockpit.pods.actions.effects import Seen
from cockpit.pods.api.connection import Conflict, Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.wire import Anything
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.read import read_pod

DEFAULT_GRACE_SECONDS = 30
MOST_GRACE_SECONDS = 900
MARGIN_SECONDS = 60.0
"""Beyond the pod's grace period before we say that it is not gone."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Deletes this pod and no other one of its name: the uid is a precondition."""

    pod: Pod
    name: str

    @property
    def source(self) -> str:
        return self.pod.source

    async def prepare(self, connection: Connection) -> None:
        """Nothing: what is known of the pod is enough."""

    async def send(self, connection: Connection) -> float:
        """The grace period that the server grants, and a margin."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": self.pod.uid}}
        try:
            answer = await connection.send("DELETE", pod_path(self.pod.namespace, self.pod.name), options)
        except errors.NotFound as error:
            raise errors.NotFound(f"pod {self.pod.path} is gone already") from error
        except Conflict as error:
            raise Conflict(
                f"pod {self.pod.path} was replaced meanwhile; the new one was left alone ({error})"
            ) from error
        try:
            grace = msgspec.json.decode(answer, type=Anything).metadata.deletion_grace_period_seconds
        except (msgspec.DecodeError, UnicodeDecodeError):
            grace = None  # a Status: some servers answer with one
        return min(DEFAULT_GRACE_SECONDS if grace is None else grace, MOST_GRACE_SECONDS) + MARGIN_SECONDS

    async def look(self, connection: Connection) -> Seen:
        """Done when no pod of this uid is there any more."""
        try:
            found = await read_pod(connection, self.pod)
        except errors.NotFound:
            return Seen(1, 1, True, "gone")
        held = ", ".join(found.metadata.finalizers or ())
        return Seen(0, 1, False, "terminating" + (f", held by finalizers: {held}" if held else ""))
