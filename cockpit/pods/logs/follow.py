"""All that a query names, as one stream of lines: pods join as they appear, and what ends says so."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from cockpit.model import errors
from cockpit.model.changes import Remove, Reset, Upsert
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.interleave import Interleave, Take
from cockpit.pods.logs.pod import PodLog
from cockpit.pods.logs.selector import selector
from cockpit.pods.logs.source import MOST_STREAMS, Everything, LogQuery, OnePod, Selected, Target, Workload
from cockpit.pods.logs.stream import EVERY, State, Stream
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cockpit.model.changes import Change

LOOKS = 10
"""Pods that are looked at at the same time before their logs are opened."""
AGAIN_SECONDS = (1.0, 30.0)


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
                        labels = await selector(connection, target.path, target.title)
                        target = Selected(target.source, target.namespace, labels, target.title)
                    await self._selected(cluster, connection, target)
        except errors.SourceError as error:
            self._fail(target.title, error)

    def _fail(self, title: str, error: errors.SourceError) -> None:
        self.failures.append(str(error))
        self._out.say(EVERY, f"{title}: {error}")

    # -- a selector's pods -------------------------------------------------------------------------

    async def _selected(self, cluster: Cluster, connection: Connection, target: Selected) -> None:
        pods: dict[str, PodLog] = {}
        later = replace(self.query, past=Everything())
        adapter = ObjectsAdapter(
            cluster, PODS, Selection((target.namespace,) if target.namespace else (), target.labels)
        )
        told, attempt, known = "", 0, False
        async with asyncio.TaskGroup() as group:

            def join(rows: tuple[Pod, ...]) -> None:
                for row in rows:
                    if (log := pods.get(row.key)) is not None:
                        log.poke()
                        continue
                    pod = OnePod(target.source, row.namespace, row.name)
                    query = later if known else self.query
                    log = pods[row.key] = PodLog(connection, pod, query, self, self._out, uid=row.uid)
                    if known:
                        self._out.say(EVERY, f"pod {pod.title} joins")
                    group.create_task(self._one(log, pod), name=f"log:{pod.title}")

            while True:
                try:
                    async with aclosing(cast("AsyncGenerator[Change[Pod], None]", adapter.watch())) as changes:
                        async for change in changes:
                            attempt, told = 0, ""
                            match change:
                                case Reset(items=items):
                                    if not items and not known:
                                        self._out.say(EVERY, f"{target.title} has no pods")
                                    join(items)
                                    for key in pods.keys() - {row.key for row in items}:
                                        pods.pop(key).poke()
                                    known = True
                                case Upsert(items=items):
                                    join(items)
                                case Remove(keys=keys):
                                    for key in keys:
                                        if (log := pods.pop(key, None)) is not None:
                                            log.poke()
                            if known and not self.query.follow:
                                return None
                except errors.SourceError as error:
                    if not self.query.follow:
                        return self._fail(target.title, error)
                    if str(error) != told:
                        told = str(error)
                        self._out.say(EVERY, f"the pods of {target.title} are not watched: {error}")
                attempt += 1
                await asyncio.sleep(random.uniform(0.5, 1) * min(AGAIN_SECONDS[1], AGAIN_SECONDS[0] * 2**attempt))

    async def _one(self, log: PodLog, pod: OnePod) -> None:
        try:
            await log.run()
        except errors.SourceError as error:
            self._fail(pod.title, error)
