"""The log of one container, followed through cuts, restarts and half-open connections: no line lost, none twice.

The log request ends when the container does, and also when a proxy, the API server or the kubelet (after four hours)
ends it. Which it was is asked of the pod; after a resumed request too, for the container may have been restarted in
between, and then the request shows the new instance and the end of the old one is read with `previous`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import accumulate
from typing import Protocol

from msgspec import Struct

from cockpit.model import clock, errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.wire import ContainerStatus, PodObject
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS
from cockpit.pods.logs import stamp
from cockpit.pods.logs.again import PASSING, pause
from cockpit.pods.logs.interleave import Interleave
from cockpit.pods.logs.request import log_path, past_query
from cockpit.pods.logs.seen import Seen
from cockpit.pods.logs.source import Everything, LogQuery, OnePod, Past
from cockpit.pods.logs.split import Lines, Splitter
from cockpit.pods.logs.stream import GOES_ON, MORE, State, Stream

SILENT_SECONDS = 150.0
"""A log that was quiet for so long is asked for again, without loss: the connection may be half open."""
SETTLED_SECONDS = 5.0
"""A log that was open for so long without a line had none."""
BACK_OFF_SECONDS = (0.5, 15.0)
ATTEMPTS = 6
"""For a log that is not followed: about ten seconds."""


class Gone(Exception):
    """The pod is not there any more, or another one bears its name."""


class Looker(Protocol):
    """The pod that the container is in."""

    async def look(self) -> PodObject:
        """As it is now. Raises Gone, and model.errors."""

    async def changed(self, seconds: float) -> None:
        """Wait until it may be another, at most so long."""


class Instance(Struct, frozen=True):
    """A container between two restarts."""

    restarts: int
    running: bool
    over: bool
    """It has ended and is not started again."""
    ended: str
    """How the one before it ended: "OOMKilled, exit code 137"."""


def instance(pod: PodObject, name: str) -> Instance | None:
    """None: it has not run yet."""
    status, spec = pod.status or NO_STATUS, pod.spec or NO_SPEC
    inits = {container.name: container for container in spec.init_containers or ()}
    every = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
    found = next((container for container in every if container.name == name), None)
    if found is None or not has_run(found):
        return None
    now, last = found.state, found.last_state
    running = bool(now and now.running)
    done = now.terminated if now is not None else None
    well = done is not None and done.exit_code == 0
    sidecar = name in inits and inits[name].restart_policy == "Always"
    policy = "OnFailure" if name in inits and not sidecar else spec.restart_policy or "Always"
    over = not running and (
        status.phase in ("Succeeded", "Failed")
        or (done is not None and (policy == "Never" or (policy == "OnFailure" and well)))
    )
    before = last.terminated if last is not None else None
    words = "" if before is None else f"{before.reason or 'ended'}, exit code {before.exit_code}"
    return Instance(found.restart_count or 0, running, over, words)


def has_run(container: ContainerStatus) -> bool:
    """It has a log."""
    now, before = container.state, container.last_state
    return bool((now and (now.running or now.terminated)) or (before and before.terminated))


class ContainerLog:
    """`run` puts its lines until the container has ended for good."""

    def __init__(
        self,
        connection: Connection,
        pod: Looker,
        stream: Stream,
        query: LogQuery,
        out: Interleave,
        slots: asyncio.Semaphore,
        began: Instance | None,
    ) -> None:
        """`began`: as the container is now."""
        self._connection, self._pod, self._stream, self._query = connection, pod, stream, query
        self._out, self._slots = out, slots
        self._path = log_path(OnePod(stream.source, stream.namespace, stream.pod))
        self._seen = Seen()
        self._splitter = Splitter()
        self._past: Past = query.past
        self._began = clock.steady()
        self._heard = False
        self._opened = False
        """The last request was answered."""
        self._restarts = 0 if began is None else began.restarts
        self._last_key = 0
        self._told = ""

    async def run(self) -> None:
        """Raises Gone when the pod has gone; what was read until then has been put."""
        try:
            if self._query.previous or not self._query.follow:
                await self._once(previous=self._query.previous)
            else:
                await self._follow()
        finally:
            self._stream.state = State.ENDED
            self._out.close(self._stream.number)

    # -- one time, without following ---------------------------------------------------------------

    async def _once(self, *, previous: bool) -> None:
        try:
            await self._whole(previous=previous)
        except errors.SourceError as error:
            self._stream.failure = str(error)
            self._out.say(self._stream.number, f"no log: {error}")

    async def _whole(self, *, previous: bool) -> None:
        """To its end, through some failures that may pass. Raises model.errors."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._read(previous=previous, follow=False)
                return
            except PASSING as error:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(pause(error, attempt, BACK_OFF_SECONDS))

    # -- following ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        attempt, resumed = 0, False
        while True:
            opened = clock.steady()
            heard, self._opened = self._stream.lines, False
            failure: errors.SourceError | None = None
            try:
                await self._read(previous=False, follow=True, check=resumed)
            except errors.SourceError as error:
                failure = error
            resumed = True
            lasted = clock.steady() - opened
            now = instance(await self._look(), self._stream.container)
            if now is not None and now.restarts != self._restarts:
                await self._restarted(now)
                attempt = 0
                continue
            if failure is None and now is not None and not now.running:
                await self._put(self._splitter.rest())
                if now.over:
                    return
                await self._until_restarted()
                continue
            attempt = 0 if self._stream.lines > heard or lasted > SETTLED_SECONDS else attempt + 1
            if failure is not None and not (self._opened and attempt == 0):
                self._tell(failure)
            if attempt:
                await self._pod.changed(pause(failure, attempt, BACK_OFF_SECONDS))

    def _tell(self, failure: errors.SourceError) -> None:
        """Once for each reason: it is said again when it has been well in between."""
        if str(failure) != self._told:
            self._told = str(failure)
            self._stream.failure = self._told
            self._out.say(self._stream.number, f"log interrupted: {failure}; it goes on where it was")

    async def _until_restarted(self) -> None:
        """The container has ended and the kubelet will start it again, after its own back-off."""
        self._stream.state = State.WAITING
        self._out.close(self._stream.number)
        seconds = 1.0
        while True:
            await self._pod.changed(seconds)
            now = instance(await self._look(), self._stream.container)
            if now is None or now.restarts != self._restarts or now.running or now.over:
                return
            seconds = min(10.0, seconds * 1.5)

    async def _restarted(self, now: Instance) -> None:
        """Read what the old instance said last, then begin with the new one."""
        missed = now.restarts - self._restarts - 1
        if missed > 0:
            self._out.say(self._stream.number, f"restarted {missed + 1} times; only the last log before now is kept")
            self._seen = Seen()
            self._past = Everything()
        self._splitter = Splitter()
        try:
            await self._whole(previous=True)
        except errors.SourceError as error:
            self._out.say(self._stream.number, f"the end of the log before the restart cannot be read: {error}")
        self._out.say(self._stream.number, f"container restarted ({now.ended or 'why is not known'})")
        self._restarts = now.restarts
        self._seen = Seen()
        self._past = Everything()

    async def _look(self) -> PodObject:
        """As it is now, however long that takes. Raises Gone; then what is left over is a line."""
        attempt = 0
        while True:
            try:
                return await self._pod.look()
            except Gone:
                await self._put(self._splitter.rest())
                raise
            except errors.SourceError as error:
                attempt += 1
                if attempt > 1:
                    self._tell(error)
                await asyncio.sleep(pause(error, attempt, BACK_OFF_SECONDS))

    # -- reading -----------------------------------------------------------------------------------

    async def _read(self, *, previous: bool, follow: bool, check: bool = False) -> None:
        """Until the server ends it. `check`: first see that it is the instance that is thought of."""
        async with self._open(previous=previous, follow=follow) as chunks:
            if check:
                now = instance(await self._pod.look(), self._stream.container)
                if now is not None and now.restarts != self._restarts:
                    return
            self._opened, self._stream.failure, self._told = True, "", ""
            self._stream.state = State.OPEN
            async for chunk in chunks:
                self._heard = True
                await self._put(self._splitter.feed(chunk))
        if not follow:
            await self._put(self._splitter.rest())

    @asynccontextmanager
    async def _open(self, *, previous: bool, follow: bool) -> AsyncIterator[AsyncIterator[bytes]]:
        """A request from where the last one was. The line that it was cut in comes again as a whole."""
        query = {"container": self._stream.container, "timestamps": "true", **self._from()}
        if follow:
            query["follow"] = "true"
        if previous:
            query["previous"] = "true"
        self._splitter = Splitter()
        self._last_key = 0
        self._seen.resume()
        async with self._slots:
            began = clock.steady()
            async with self._connection.stream(self._path, query, read_seconds=SILENT_SECONDS) as response:
                self._out.open(self._stream.number)
                async with aclosing(self._connection.chunks(response)) as chunks:
                    try:
                        yield chunks
                    finally:
                        if not self._heard and clock.steady() - began > SETTLED_SECONDS:
                            self._past = Everything()
                        if self._stream.state is State.OPEN:
                            self._stream.state = State.WAITING

    def _from(self) -> dict[str, str]:
        if self._seen.since is not None:
            return {"sinceTime": self._seen.since}
        return past_query(self._past, later_seconds=int(clock.steady() - self._began))

    async def _put(self, found: Lines) -> None:
        lines = found.lines
        if not lines:
            return
        tags = [self._stream.number] * len(lines)
        for place in found.goes_on:
            tags[place] |= GOES_ON
        for place in found.more:
            tags[place] |= MORE
        keys = self._keys(lines)
        self._last_key = keys[-1]
        fresh = self._seen.take(keys, lines)
        if fresh is not None:
            keys = [keys[place] for place in fresh]
            lines = [lines[place] for place in fresh]
            tags = [tags[place] for place in fresh]
        self._stream.lines += len(lines)
        await self._out.put(self._stream.number, keys, lines, tags)

    def _keys(self, lines: list[bytes]) -> list[int]:
        """Timestamps that do not go back; a line without one has that of the line before."""
        times = (0 if (stamped := stamp.split(line)) is None else stamped[0] for line in lines)
        return list(accumulate(times, max, initial=self._last_key))[1:]
