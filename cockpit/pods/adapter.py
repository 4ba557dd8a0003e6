"""The pods of one configured source, as a feed wants them.

Raises of `model.errors`: Denied (kubeconfig, login, 401, 403, TLS), Unreachable (no connection, cut, 5xx, a login that
takes too long), RateLimited (429), Malformed (not the Kubernetes API), NotFound and Refused (an address that serves
something else).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from cockpit.config.settings import PodsSource
from cockpit.model.changes import Change, Reset
from cockpit.pods.connection import Cluster
from cockpit.pods.merge import merged
from cockpit.pods.pod import Pod
from cockpit.pods.reflector import READ_SECONDS, Reflector


class PodsAdapter:
    """One kubeconfig context, all its namespaces or the configured ones."""

    def __init__(self, source: PodsSource) -> None:
        self.cluster = Cluster(source)
        namespaces = list(dict.fromkeys(source.namespaces)) or [""]
        self._reflectors = [Reflector(source.name, namespace) for namespace in namespaces]

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        """Bookmarks come about each minute, any byte counts. A list of 150,000 pods may take longer: it has time-outs
        of its own for each page."""
        return READ_SECONDS if all(reflector.listed for reflector in self._reflectors) else None

    async def watch(self) -> AsyncIterator[Change[Pod]]:
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
                            yield Reset(tuple(pod for reflector in self._reflectors for pod in reflector.pods))
                    elif not unread:
                        yield change
