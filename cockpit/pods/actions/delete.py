"""Delete an object of any kind, and wait until it is gone. A pod that something owns is made again: a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from cockpit.model import errors
from cockpit.pods.actions.effects import Effect, Seen
from cockpit.pods.actions.subject import Subject
from cockpit.pods.api.access import Question
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.refusals import Conflict
from cockpit.pods.api.wire import Anything

DEFAULT_GRACE_SECONDS = 30
MOST_GRACE_SECONDS = 900
MARGIN_SECONDS = 60.0
"""Beyond the grace period before we say that it is not gone."""


@dataclass(slots=True)
class Delete(Effect):
    """Deletes this object and no other one of its name: the uid is a precondition.

    What it owns goes after it in the background, as with kubectl.
    """

    subject: Subject
    name: str
    grace_seconds: int | None = None
    """None: the object's own. 0: at once, without waiting for the node."""

    @property
    def question(self) -> Question:
        return Question("delete", self.subject.kind, self.subject.namespace)

    async def prepare(self, connection: Connection) -> None:
        """Nothing: what is known of it is enough."""

    async def send(self, connection: Connection) -> float:
        """The grace period that the server grants, and a margin."""
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": self.subject.uid},
            "propagationPolicy": "Background",
        }
        if self.grace_seconds is not None:
            options["gracePeriodSeconds"] = self.grace_seconds
        try:
            answer = await connection.send("DELETE", self.subject.path, options)
        except errors.NotFound as error:
            raise errors.NotFound(f"{self.subject.said} is gone already") from error
        except Conflict as error:
            raise Conflict(
                f"{self.subject.said} was replaced meanwhile; the new one was left alone ({error})"
            ) from error
        try:
            grace = msgspec.json.decode(answer, type=Anything).metadata.deletion_grace_period_seconds
        except (msgspec.DecodeError, UnicodeDecodeError):
            grace = None  # a Status: some servers answer with one
        return min(DEFAULT_GRACE_SECONDS if grace is None else grace, MOST_GRACE_SECONDS) + MARGIN_SECONDS

    async def look(self, connection: Connection) -> Seen:
        """Done when none of this uid is there any more."""
        try:
            found = await self.subject.read(connection, Anything)
        except errors.NotFound:
            return Seen(1, 1, True, "gone")
        held = ", ".join(found.metadata.finalizers or ())
        return Seen(0, 1, False, "terminating" + (f", held by finalizers: {held}" if held else ""))
