"""Of which kind the owner of an object is: its name alone does not say it (a Job of batch, or of batch.volcano.sh)."""

from __future__ import annotations

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.discovery import Discovery
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds.anything import anything
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.registry import find


class _Reference(Wire, frozen=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Metadata(Wire, frozen=True):
    uid: str = ""
    owner_references: tuple[_Reference, ...] | None = None


class _Owned(Wire, frozen=True):
    metadata: _Metadata = _Metadata()


async def kind_of_owner(connection: Connection, discovery: Discovery, kind: AnyKind, row: Object) -> AnyKind:
    """The kind of `row`'s controller; `kind` is that of the row. Raises `model.errors`."""
    found = await connection.get(kind.path(row.namespace, row.name), _Owned)
    if found.metadata.uid != row.uid:
        raise errors.NotFound(f"{row.source}: {kind.kind} {row.path} is gone; another one bears its name now")
    owner = next((each for each in found.metadata.owner_references or () if each.controller), None)
    if owner is None:
        raise errors.NotFound(f"{row.source}: nothing owns {row.path} any more")
    group = owner.api_version.rpartition("/")[0]
    known = find(owner.kind)
    if known is not None and known.group == group:
        return known
    resource = await discovery.find(connection, f"{owner.kind}.{group}" if group else owner.kind)
    if known is not None:
        # The table on the screen has the columns of the kind of that name.
        raise errors.Refused(
            f"{row.source}: {row.path} is owned by a {owner.kind} of {group}: open :{resource.qualified}"
        )
    return anything(resource.kind, resource.resource, resource.group_version, namespaced=resource.namespaced)
