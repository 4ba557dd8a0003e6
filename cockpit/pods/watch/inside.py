"""One object, for tables of what is inside it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Generic

from cockpit.model import errors
from cockpit.model.changes import Confirm
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.kind import Kind, R
from cockpit.pods.kinds.object import Object
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection


class Inside(Generic[R]):
    """This very object, not another that has its name later."""

    def __init__(self, cluster: Cluster, kind: Kind[R], row: Object) -> None:
        self._gone = f"{cluster.name}: {kind.kind.lower()} {row.path} is gone"
        self._inner: ObjectsAdapter[R] = ObjectsAdapter(
            cluster,
            kind,
            Selection(namespaces=(row.namespace,), fields=f"metadata.name={row.name}"),
            accepts=lambda found: found.key == row.key,
        )

    @property
    def silence(self) -> float | None:
        return self._inner.silence

    async def states(self) -> AsyncGenerator[R | Confirm, None]:
        """The object whenever it changes. Raises errors.NotFound when it is gone."""
        stream = self._inner.watch()
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream) as changes:
            async for change in changes:
                if isinstance(change, Confirm):
                    yield change
                    continue
                found = next(iter(getattr(change, "items", ())), None)
                if found is None:
                    raise errors.NotFound(self._gone)
                yield found
