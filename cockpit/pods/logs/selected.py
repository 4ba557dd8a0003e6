"""The logs of all pods that a selector finds: they join as they appear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from msgspec.structs import replace

from cockpit.model import errors
from cockpit.model.changes import Change, Remove, Reset, Upsert
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.again import pause
from cockpit.pods.logs.interleave import Interleave
from cockpit.pods.logs.pod import PodLog, Streams
from cockpit.pods.logs.source import Everything, LogQuery, OnePod, Selected
from cockpit.pods.logs.stream import EVERY
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection


class SelectedLogs:
    """`run` ends with the last pod, and while somebody follows never."""

    def __init__(
        self,
        cluster: Cluster,
        connection: Connection,
        target: Selected,
        query: LogQuery,
        streams: Streams,
        out: Interleave,
        fail: Callable[[str, errors.SourceError], None],
    ) -> None:
        """`fail` is told of a pod, by its title, that cannot be followed."""
        self._connection, self._target, self._query = connection, target, query
        self._streams, self._out, self._fail = streams, out, fail
        namespaces = (target.namespace,) if target.namespace else ()
        self._adapter = ObjectsAdapter(cluster, PODS, Selection(namespaces, target.labels))
        self._pods: dict[str, PodLog] = {}
        self._listed = False

    async def run(self) -> None:
        """What the pods cannot be listed for is told to `fail`, or is a line while somebody follows."""
        told, attempt = "", 0
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    async with aclosing(cast("AsyncGenerator[Change[Pod], None]", self._adapter.watch())) as changes:
                        async for change in changes:
                            attempt, told = 0, ""
                            self._take(change, group)
                            if self._listed and not self._query.follow:
                                return
                except errors.SourceError as error:
                    if not self._query.follow:
                        self._fail(self._target.title, error)
                        return
                    if str(error) != told:
                        told = str(error)
                        self._out.say(EVERY, f"the pods of {self._target.title} are not watched: {error}")
                attempt += 1
                await asyncio.sleep(pause(None, attempt))

    def _take(self, change: Change[Pod], group: asyncio.TaskGroup) -> None:
        match change:
            case Reset(items=items):
                if not items and not self._listed:
                    self._out.say(EVERY, f"{self._target.title} has no pods")
                self._join(items, group)
                self._leave(self._pods.keys() - {row.key for row in items})
                self._listed = True
            case Upsert(items=items):
                self._join(items, group)
            case Remove(keys=keys):
                self._leave(self._pods.keys() & set(keys))

    def _join(self, rows: tuple[Pod, ...], group: asyncio.TaskGroup) -> None:
        for row in rows:
            if (log := self._pods.get(row.key)) is not None:
                log.poke()
                continue
            pod = OnePod(self._target.source, row.namespace, row.name)
            query = replace(self._query, past=Everything()) if self._listed else self._query
            if self._listed:
                self._out.say(EVERY, f"pod {pod.title} joins")
            log = self._pods[row.key] = PodLog(self._connection, pod, query, self._streams, self._out, uid=row.uid)
            group.create_task(self._one(log), name=f"log:{pod.title}")

    def _leave(self, keys: set[str]) -> None:
        """They see by themselves that they are gone, when their last lines are read."""
        for key in keys:
            self._pods.pop(key).poke()

    async def _one(self, log: PodLog) -> None:
        try:
            await log.run()
        except errors.SourceError as error:
            self._fail(log.pod.title, error)
