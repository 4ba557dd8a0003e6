"""One object that is known by name, of a kind that may have to be asked for first."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from cockpit.model import errors
from cockpit.model.changes import Change, Remove, Reset
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection


class SingleAdapter:
    """Says why when there is no such object, where a table would only be empty."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, what: str, kind: Callable[[Connection], Awaitable[AnyKind]]
    ) -> None:
        """`what` names it in messages: "Rollout shop/web"."""
        self.cluster = cluster
        self._namespace, self._name, self._what, self._kind = namespace, name, what, kind
        self._inner: ObjectsAdapter[Any] | None = None

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        return None if self._inner is None else self._inner.silence

    async def watch(self) -> AsyncIterator[Change[Any]]:
        """Raises errors.NotFound when it is not there (any more)."""
        if self._inner is None:
            async with self.cluster.connected() as connection:
                kind = await self._kind(connection)
            namespaces = (self._namespace,) if kind.namespaced else ()
            self._inner = ObjectsAdapter(
                self.cluster, kind, Selection(namespaces, fields=f"metadata.name={self._name}")
            )
        stream = self._inner.watch()
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream) as changes:
            async for change in changes:
                yield change
                if isinstance(change, Remove) or (isinstance(change, Reset) and not change.items):
                    raise errors.NotFound(f"{self.name}: {self._what} is not there (any more)")
