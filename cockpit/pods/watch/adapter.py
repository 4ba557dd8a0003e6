"""The objects of one kind in one configured source, as a feed wants them.

Raises of `model.errors`: Denied (kubeconfig, login, 401, 403, TLS), Unreachable (no connection, cut, 5xx, a login that
takes too long), RateLimited (429), Malformed (not the Kubernetes API), NotFound and Refused (an address that serves
something else).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Generic

from cockpit.model.changes import Change, Reset
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.merge import merged
from cockpit.pods.kinds.kind import Kind, R
from cockpit.pods.watch.reflector import READ_SECONDS, Reflector


class ObjectsAdapter(Generic[R]):
    """One kubeconfig context, all its namespaces or the configured ones."""

    def __init__(self, cluster: Cluster, kind: Kind[R]) -> None:
        """Several adapters may share a cluster, and with it the login and the connections."""
        self.cluster = cluster
        namespaces = list(dict.fromkeys(cluster.source.namespaces)) if kind.namespaced else []
        self._reflectors = [Reflector(kind, cluster.name, namespace) for namespace in namespaces or [""]]

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        """Bookmarks come about each minute, any byte counts. A list of 150,000 pods may take longer: it has time-outs
        of its own for each page."""
        return READ_SECONDS if all(reflector.listed for reflector in self._reflectors) else None

    async def watch(self) -> AsyncIterator[Change[R]]:
        """`Reset` when every namespace has been read. After a cut it goes on where it was, without a new list."""
        async with self.cluster.connected() as connection:
            unread = set(range(len(self._reflectors)))
            streams = [reflector.changes(connection) for reflector in self._reflectors]
            async with aclosing(merged(streams)) as changes:
                async for number, change in changes:
                    if isinstance(change, Reset):
                        unread.discard(number)
                        if len(streams) == 1:
                            yield change
                        elif not unread:
                            yield Reset(tuple(row for reflector in self._reflectors for row in reflector.rows))
                    elif not unread:
                        yield change
