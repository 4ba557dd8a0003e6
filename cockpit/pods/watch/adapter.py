"""The objects of one kind in one configured source, as a feed wants them.

Raises of `model.errors`: Denied (kubeconfig, login, 401, 403, TLS), Unreachable (no connection, cut, 5xx, a login that
takes too long), RateLimited (429), Malformed (not the Kubernetes API), NotFound and Refused (an address that serves
something else, a selector that is none).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Generic

from msgspec.structs import replace

from cockpit.model.changes import Change, Remove, Reset, Upsert
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.merge import merged
from cockpit.pods.kinds.kind import Kind, R
from cockpit.pods.watch.reflector import READ_SECONDS, Reflector
from cockpit.pods.watch.selection import Selection

EVERYTHING = Selection()


class ObjectsAdapter(Generic[R]):
    """One kubeconfig context, all its namespaces or some."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind[R],
        selection: Selection = EVERYTHING,
        accepts: Callable[[R], bool] | None = None,
    ) -> None:
        """Several adapters may share a cluster, and with it the login and the connections.

        `accepts` selects here what no selector of the server can (the objects of one owner).
        """
        self.cluster = cluster
        self._kind, self._selection, self._accepts = kind, selection, accepts
        self._reflectors = self._made()
        self._reselected = asyncio.Event()

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        """Bookmarks come about each minute, any byte counts. A list of 150,000 pods may take longer: it has time-outs
        of its own for each page."""
        return READ_SECONDS if all(reflector.listed for reflector in self._reflectors) else None

    def select(self, labels: str) -> None:
        """Another label selector from now on; what it selects comes as a Reset. Until then the old rows stay."""
        if labels != self._selection.labels:
            self._selection = replace(self._selection, labels=labels)
            self._reflectors = self._made()
            self._reselected.set()

    async def watch(self) -> AsyncIterator[Change[R]]:
        """`Reset` when every namespace has been read. After a cut it goes on where it was, without a new list."""
        async with self.cluster.connected() as connection:
            while True:
                async with aclosing(self._changes(connection)) as changes:
                    async for change in changes:
                        yield change

    async def _changes(self, connection: Connection) -> AsyncGenerator[Change[R], None]:
        """Of the present selection; ends when there is another."""
        self._reselected.clear()
        reflectors = self._reflectors
        unread = set(range(len(reflectors)))
        streams: list[AsyncGenerator[Change[R] | None, None]] = [
            reflector.changes(connection) for reflector in reflectors
        ]
        async with aclosing(merged([*streams, self._until_reselected()])) as changes:
            async for number, change in changes:
                if change is None:
                    return
                if isinstance(change, Reset):
                    unread.discard(number)
                    if not unread:
                        yield Reset(tuple(self._accepted(row for reflector in reflectors for row in reflector.rows)))
                elif not unread:
                    for kept in self._sifted(change):
                        yield kept

    async def _until_reselected(self) -> AsyncGenerator[Change[R] | None, None]:
        await self._reselected.wait()
        yield None

    def _accepted(self, rows: Iterator[R]) -> Iterator[R]:
        return rows if self._accepts is None else filter(self._accepts, rows)

    def _sifted(self, change: Change[R]) -> Iterator[Change[R]]:
        """A row that is accepted no longer is gone."""
        if self._accepts is None or not isinstance(change, Upsert):
            yield change
            return
        kept = tuple(self._accepted(iter(change.items)))
        if len(kept) < len(change.items):
            here = {row.key for row in kept}
            yield Remove(tuple(row.key for row in change.items if row.key not in here))
        if kept:
            yield Upsert(kept)

    def _made(self) -> list[Reflector[R]]:
        namespaces = list(dict.fromkeys(self._selection.namespaces or self.cluster.source.namespaces))
        if not self._kind.namespaced:
            namespaces = []
        return [
            Reflector(self._kind, self.cluster.name, namespace, self._selection.query)
            for namespace in namespaces or [""]
        ]
