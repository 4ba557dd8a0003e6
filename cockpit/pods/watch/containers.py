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
from cockpit.pods.watch.inside import Inside
from cockpit.pods.watch.usage import POLL_SECONDS, Used, container_usage


class ContainersAdapter:
    """Of this pod, not of another that has its name later."""

    def __init__(self, cluster: Cluster, pod: Pod) -> None:
        self.cluster = cluster
        self._pod = pod
        self._inside = Inside(cluster, POD_WITH_CONTAINERS, pod)

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def silence(self) -> float | None:
        return self._inside.silence

    async def watch(self) -> AsyncIterator[Change[Container]]:
        """A Reset whenever the pod changes. Raises errors.NotFound when it is gone."""
        rows: tuple[Container, ...] = ()
        used: dict[str, Used] = {}
        known = False
        streams: list[AsyncGenerator[PodContainers | Confirm | dict[str, Used], None]] = [
            self._states(),
            self._usage(),
        ]
        async with aclosing(merged(streams)) as changes:
            async for _, change in changes:
                if isinstance(change, Confirm):
                    yield change
                    continue
                if isinstance(change, PodContainers):
                    rows, known = change.containers, True
                else:
                    used = change
                if known:
                    yield Reset(measured(rows, used))

    async def _states(self) -> AsyncGenerator[PodContainers | Confirm | dict[str, Used], None]:
        async with aclosing(self._inside.states()) as states:
            async for state in states:
                yield state

    async def _usage(self) -> AsyncGenerator[PodContainers | Confirm | dict[str, Used], None]:
        while True:
            try:
                async with self.cluster.connected() as connection:
                    yield dict(await container_usage(connection, self._pod.namespace, self._pod.name))
            except errors.SourceError:
                yield {}
            await asyncio.sleep(POLL_SECONDS)
