"""All that a query names, as one stream of lines: pods join as they appear, and what ends says so."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack

from cockpit.model import errors
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.logs.again import insist
from cockpit.pods.logs.interleave import Interleave, Take
from cockpit.pods.logs.pod import PodLog
from cockpit.pods.logs.selected import SelectedLogs
from cockpit.pods.logs.selector import selector
from cockpit.pods.logs.source import MOST_STREAMS, LogQuery, OnePod, Selected, Target, Workload
from cockpit.pods.logs.stream import EVERY, State, Stream

LOOKS = 10
"""Pods that are looked at at the same time before their logs are opened."""


class Follower:
    """`run` hands lines to `take` until all has ended; cancelling it ends the requests."""

    def __init__(self, clusters: Mapping[str, Cluster], query: LogQuery, take: Take) -> None:
        """`clusters` by the name of their source."""
        self._clusters, self.query = clusters, query
        self._out = Interleave(take)
        self.slots = asyncio.Semaphore(MOST_STREAMS)
        self.looks = asyncio.Semaphore(LOOKS)
        self.streams: list[Stream] = []
        """By number."""
        self.failures: list[str] = []
        """Targets that could not be followed at all."""
        self._reading: asyncio.Task[None] | None = None

    def add(self, pod: OnePod, container: str, *, alone: bool) -> Stream:
        """A new stream; beyond the numbers that there are it shares the last one."""
        number = min(len(self.streams), EVERY - 1)
        stream = Stream(number, pod.source, pod.namespace, pod.name, container, alone)
        self.streams.append(stream)
        return stream

    @property
    def counts(self) -> Counter[State]:
        """How many streams are how."""
        return Counter(stream.state for stream in self.streams)

    async def run(self) -> None:
        """Until all has ended or `stop`; then all that was read has been handed on.

        Raises only what `take` raises: what goes wrong with a log is a line in its place, and in `failures`.
        """
        giving = asyncio.create_task(self._out.run(), name="interleave")
        self._reading = asyncio.create_task(self._targets(), name="logs")
        try:
            await asyncio.wait((giving, self._reading), return_when=asyncio.FIRST_COMPLETED)
            if self._reading.done():
                self._out.end()
                if not self._reading.cancelled():
                    self._reading.result()
            await giving
        finally:
            for task in (giving, self._reading):
                task.cancel()
            await asyncio.gather(giving, self._reading, return_exceptions=True)

    def stop(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()

    async def _targets(self) -> None:
        async with asyncio.TaskGroup() as group:
            for target in self.query.targets:
                group.create_task(self._target(target), name=f"logs:{target.title}")

    async def _target(self, target: Target) -> None:
        try:
            if target.source not in self._clusters:
                raise errors.NotFound(f"there is no source {target.source} in [[pods]]")
            async with AsyncExitStack() as stack:
                cluster = self._clusters[target.source]
                connection = await stack.enter_async_context(cluster.connected())
                if isinstance(target, OnePod):
                    await PodLog(connection, target, self.query, self, self._out).run()
                else:
                    if isinstance(target, Workload):
                        target = await self._resolved(connection, target)
                    await SelectedLogs(cluster, connection, target, self.query, self, self._out, self._fail).run()
        except errors.SourceError as error:
            self._fail(target.title, error)

    async def _resolved(self, connection: Connection, target: Workload) -> Selected:
        labels = await insist(
            lambda: selector(connection, target.path, target.title),
            lambda text: self._out.say(EVERY, f"{target.title}: {text}"),
            follow=self.query.follow,
        )
        return Selected(target.source, target.namespace, labels, target.title)

    def _fail(self, title: str, error: errors.SourceError) -> None:
        self.failures.append(str(error))
        self._out.say(EVERY, f"{title}: {error}")
