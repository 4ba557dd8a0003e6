"""The containers of one pod, as a feed wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cockpit.model import errors
from cockpit.model.changes import Change, Confirm, Reset
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.merge import merged
from cockpit.pods.kinds.container import POD_WITH_CONTAINERS, Container, PodContainers, measured
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection
from cockpit.pods.watch.usage import POLL_SECONDS, Used, container_usage


class ContainersAdapter:
    """Of this pod, not of another that has its name later."""

    def __init__(self, cluster: Cluster, pod: Pod) -> None:
        self.cluster = cluster
        self._pod = pod
        self._inner: ObjectsAdapter[PodContainers] = ObjectsAdapter(
            cluster,
            POD_WITH_CONTAINERS,
            Selection(namespaces=(pod.namespace,), fields=f"metadata.name={pod.name}"),
            accepts=lambda found: found.key == pod.key,
        )

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        return self._inner.silence

    async def watch(self) -> AsyncIterator[Change[Container]]:
        """A Reset whenever the pod changes. Raises errors.NotFound when it is gone."""
        rows: tuple[Container, ...] = ()
        used: dict[str, Used] = {}
        known = False
        streams: list[AsyncGenerator[Change[PodContainers] | dict[str, Used], None]] = [self._changes(), self._usage()]
        async with aclosing(merged(streams)) as changes:
            async for _, change in changes:
                if isinstance(change, dict):
                    used = change
                    if known:
                        yield Reset(measured(rows, used))
                elif isinstance(change, Confirm):
                    yield change
                else:
                    found = next((each for each in getattr(change, "items", ()) if each.key == self._pod.key), None)
                    if found is None:
                        raise errors.NotFound(f"{self.name}: pod {self._pod.path} is gone")
                    rows, known = found.containers, True
                    yield Reset(measured(rows, used))

    async def _changes(self) -> AsyncGenerator[Change[PodContainers] | dict[str, Used], None]:
        stream = self._inner.watch()
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream) as changes:
            async for change in changes:
                yield change

    async def _usage(self) -> AsyncGenerator[Change[PodContainers] | dict[str, Used], None]:
        while True:
            try:
                async with self.cluster.connected() as connection:
                    yield dict(await container_usage(connection, self._pod.namespace, self._pod.name))
            except errors.SourceError:
                yield {}
            await asyncio.sleep(POLL_SECONDS)
