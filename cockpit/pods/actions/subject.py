"""The object that an action was confirmed for: this one, and no other that came to bear its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.wire import Anything, Metadata
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object

MANAGER = "cockpit"
"""The field manager of what is written."""
STRATEGIC, MERGE = "application/strategic-merge-patch+json", "application/merge-patch+json"


class HasMetadata(Protocol):
    @property
    def metadata(self) -> Metadata: ...


M = TypeVar("M", bound=HasMetadata)


@dataclass(frozen=True, slots=True)
class Subject:
    """`uid` empty: whoever bears the name."""

    kind: AnyKind
    source: str
    namespace: str
    name: str
    uid: str = ""

    @classmethod
    def of(cls, kind: AnyKind, row: Object) -> Subject:
        return cls(kind, row.source, row.namespace, row.name, row.uid)

    @property
    def path(self) -> str:
        """Of the API."""
        return self.kind.path(self.namespace, self.name)

    @property
    def said(self) -> str:
        """ "deployment shop/web"."""
        return f"{self.kind.kind.lower()} {self.namespace}/{self.name}" if self.namespace else self.bare

    @property
    def bare(self) -> str:
        return f"{self.kind.kind.lower()} {self.name}"

    async def read(self, connection: Connection, wire: type[M]) -> M:
        """As it is now. Raises errors.NotFound when it is gone, or another one bears its name."""
        try:
            found = await connection.get(self.path, wire)
        except errors.NotFound as error:
            raise errors.NotFound(f"{self.said} is gone already") from error
        if self.uid and found.metadata.uid != self.uid:
            raise errors.NotFound(f"{self.said} was replaced meanwhile; the new one was left alone")
        return found

    async def patch(
        self, connection: Connection, change: dict[str, Any], seen: Metadata, *, content_type: str, sub: str = ""
    ) -> Metadata:
        """What it became. Raises Conflict when it is not as `seen` any more."""
        frozen = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        body = {**change, "metadata": {**change.get("metadata", {}), **frozen}}
        path = f"{self.path}{sub}?fieldManager={MANAGER}"
        return written(await connection.send("PATCH", path, body, content_type=content_type))


def written(answer: bytes) -> Metadata:
    """The metadata of what the server answered; of a Status none."""
    try:
        return msgspec.json.decode(answer, type=Anything).metadata
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Metadata()


def unchanged(subject: Subject, confirmed: int | None, now: int | None) -> None:
    """Raises errors.Refused when the spec was changed since the user looked (its generation)."""
    if confirmed is not None and now is not None and confirmed != now:
        raise errors.Refused(
            f"{subject.said} was changed by somebody else meanwhile (generation {confirmed}, now {now}); look again"
        )
