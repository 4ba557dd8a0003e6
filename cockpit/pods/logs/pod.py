"""The logs of one pod: those of its containers as they start, and of the pod that takes its name, if one does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from msgspec import Struct

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.wire import PodObject, PodSpec
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS
from cockpit.pods.logs.again import insist
from cockpit.pods.logs.container import ContainerLog, Gone, instance
from cockpit.pods.logs.interleave import Interleave
from cockpit.pods.logs.source import LogQuery, OnePod
from cockpit.pods.logs.stream import EVERY, State, Stream

START_SECONDS = (1.0, 10.0)
"""Between two looks whether a container has started."""
REPLACED_SECONDS = 60.0
"""So long a pod of the same name is waited for, where something makes one."""
NAMED_AGAIN = frozenset(("StatefulSet",))
"""Owners that make a pod anew under its old name."""


DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


class _Metadata(Struct, frozen=True):
    annotations: dict[str, str] | None = None


class _Annotated(Struct, frozen=True):
    metadata: _Metadata
    spec: PodSpec | None = None


class Streams(Protocol):
    """Who numbers the streams, and how many may be read at once."""

    slots: asyncio.Semaphore
    looks: asyncio.Semaphore

    def add(self, pod: OnePod, container: str, *, alone: bool) -> Stream:
        """A new stream of this container."""


class PodLog:
    """`run` ends when the pod has gone for good, or when all its containers have ended."""

    def __init__(
        self, connection: Connection, pod: OnePod, query: LogQuery, streams: Streams, out: Interleave, *, uid: str = ""
    ) -> None:
        """An empty uid: whatever bears the name, and what bears it later."""
        self._connection, self.pod, self._query = connection, pod, query
        self._streams, self._out = streams, out
        self._uid, self._by_name = uid, not uid
        self._gone = False
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Something of the pod may be another."""
        self._poked.set()
        self._poked = asyncio.Event()

    # -- what the containers ask -------------------------------------------------------------------

    async def look(self) -> PodObject:
        """As it is now. Raises Gone, and model.errors."""
        try:
            found = await self._connection.get(pod_path(self.pod.namespace, self.pod.name), PodObject)
        except errors.NotFound as error:
            raise Gone(str(error)) from error
        self._uid = self._uid or found.metadata.uid
        if found.metadata.uid != self._uid:
            raise Gone("another pod bears its name")
        return found

    async def changed(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._poked.wait()

    # -- its life ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Raises errors.NotFound when there is no such pod or container, and Denied where it may not be read."""
        try:
            found = await insist(self._first_look, self._waits, follow=self._query.follow)
        except Gone as error:
            raise errors.NotFound(str(error)) from error
        while True:
            await self._containers(found)
            if not self._gone:
                return
            owner = next((owner for owner in found.metadata.owner_references or () if owner.controller), None)
            named = self._by_name and owner is not None and owner.kind in NAMED_AGAIN
            again = await self._next() if named else None
            if again is None:
                self._out.say(EVERY, f"pod {self.pod.title} is gone")
                return
            self._out.say(EVERY, f"pod {self.pod.title} was replaced; this is the new one")
            self._gone, found = False, again

    async def _first_look(self) -> PodObject:
        """Not of many pods at once."""
        async with self._streams.looks:
            return await self.look()

    def _waits(self, why: str) -> None:
        self._out.say(EVERY, f"pod {self.pod.title}: {why}")

    async def _next(self) -> PodObject | None:
        """The pod that took its name."""
        self._uid = ""
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLACED_SECONDS):
                while True:
                    with suppress(Gone, errors.Unreachable, errors.RateLimited):
                        return await self.look()
                    await self.changed(START_SECONDS[0])
        return None

    async def _containers(self, found: PodObject) -> None:
        names = self._chosen(found)
        if self._query.one and not self._query.containers and len(names) > 1:
            names = [await default_container(self._connection, self.pod, lambda text: self._out.say(EVERY, text))]
        async with asyncio.TaskGroup() as group:
            for name in names:
                stream = self._streams.add(self.pod, name, alone=len(names) == 1)
                group.create_task(self._container(stream, found), name=f"log:{self.pod.title}/{name}")

    def _chosen(self, found: PodObject) -> list[str]:
        """Of the init containers only sidecars and what has not ended well, unless they are asked for by name."""
        spec, status = found.spec or NO_SPEC, found.status or NO_STATUS
        main = [container.name for container in spec.containers or ()]
        inits = [container.name for container in spec.init_containers or ()]
        if self._query.containers:
            if missing := [name for name in self._query.containers if name not in (*main, *inits)]:
                raise errors.NotFound(
                    f"pod {self.pod.title} has no container {missing[0]}; it has {', '.join((*main, *inits))}"
                )
            return list(self._query.containers)
        if self._query.previous:
            every = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
            names = [c.name for c in every if c.last_state is not None and c.last_state.terminated is not None]
            if not names:
                raise errors.Refused(f"no container of pod {self.pod.title} has been restarted")
            return names
        sidecars = {c.name for c in spec.init_containers or () if c.restart_policy == "Always"}
        return main + [name for name in inits if name in sidecars or not _ended_well(found, name)]

    async def _container(self, stream: Stream, found: PodObject) -> None:
        try:
            began = instance(found, stream.container)
            if self._query.follow and not self._query.previous and began is None:
                began = instance(await self._started(stream), stream.container)
            log = ContainerLog(self._connection, self, stream, self._query, self._out, self._streams.slots, began)
            await log.run()
        except Gone:
            self._gone = True
        except errors.SourceError as error:
            stream.failure = str(error)
            self._out.say(stream.number, str(error))
        finally:
            stream.state = State.ENDED

    async def _started(self, stream: Stream) -> PodObject:
        """Wait until the container has a log."""
        seconds, most = START_SECONDS
        told = ""
        while True:
            await self.changed(seconds)
            seconds = min(most, seconds * 1.5)
            try:
                found = await self.look()
            except errors.SourceError as error:
                if str(error) != told:
                    told = stream.failure = str(error)
                    self._out.say(stream.number, f"waiting to start: {error}")
                continue
            if instance(found, stream.container) is not None:
                stream.failure = ""
                return found


def _ended_well(found: PodObject, name: str) -> bool:
    statuses = (found.status or NO_STATUS).init_container_statuses or ()
    state = next((container.state for container in statuses if container.name == name), None)
    return bool(state and state.terminated and state.terminated.exit_code == 0)


async def default_container(connection: Connection, pod: OnePod, say: Callable[[str], None]) -> str:
    """The one that an annotation names, else the first, as kubectl chooses; said where there are others."""
    found = await connection.get(pod_path(pod.namespace, pod.name), _Annotated)
    names = [container.name for container in (found.spec or NO_SPEC).containers or ()]
    if not names:
        raise errors.Malformed(f"pod {pod.title} has no containers")
    named = (found.metadata.annotations or {}).get(DEFAULT_CONTAINER, "")
    chosen = named if named in names else names[0]
    if len(names) > 1:
        say(f"container {chosen} of {', '.join(names)}")
    return chosen
