"""Ports of a pod, forwarded to this machine's loopback: a task that runs until it is cancelled.

Each local connection is a websocket of its own to the pod, so that one that stalls holds up no other. The pod may be
replaced meanwhile: the next connection goes to one of the same workload, and the task says so.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass

from cockpit.model import errors
from cockpit.model.units import human_bytes
from cockpit.pods.actions import replacement
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Means
from cockpit.pods.actions.tunnel import Account, join
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.websocket import V4, Channels, channels
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.tasks.action import Action, Input, Job, Progress, Risk, State, Target

LANE = "forward"
LOOPBACK = "127.0.0.1"
MOST_CONNECTIONS = 128
"""Of one task at the same time; more wait in the listener's queue."""
LOOK_SECONDS = 5.0
"""Between two looks whether the pod is still there."""
TELL_SECONDS = 1.0
"""Between two accounts of the bytes."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One pair: where we listen, and what of the pod that is."""

    local: int
    remote: int


def parsed(text: str) -> Ports:
    """kubectl's way to write it: 8080, 8080:80, :80 (any free port here). Raises errors.Refused."""
    local, colon, remote = text.strip().rpartition(":")
    words = (local or ("0" if colon else remote), remote)
    if not all(word.isascii() and word.isdigit() and int(word) < 65536 for word in words) or int(remote) == 0:
        raise errors.Refused(f"{text!r}: write PORT, LOCAL:PORT, or :PORT for any free port here")
    return Ports(int(words[0]), int(remote))


def listeners(ports: Sequence[Ports]) -> list[socket.socket]:
    """Bound, not listening yet. Raises errors.Refused when one cannot be had; then none is left open."""
    made: list[socket.socket] = []
    for each in ports:
        try:
            made.append(socket.socket())
            made[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made[-1].bind((LOOPBACK, each.local))
        except OSError as error:
            for one in made:
                one.close()
            why = f"cannot listen on {LOOPBACK}:{each.local}: {error.strerror}"
            if error.errno == errno.EADDRINUSE:
                why = f"port {each.local} of this machine is taken; write another, or :{each.remote} for any free one"
            raise errors.Refused(why) from error
    return made


def free(ports: Sequence[Ports]) -> list[Ports]:
    """With the numbers that any free port stands for, so that the task can name them. Raises errors.Refused."""
    made = listeners(ports)
    found = [Ports(one.getsockname()[1], each.remote) for one, each in zip(made, ports, strict=True)]
    for one in made:
        one.close()
    return found


class Forwarding:
    """What a task of it does."""

    def __init__(self, connection: Connection, namespace: str, name: str, progress: Progress) -> None:
        self._connection, self._progress = connection, progress
        self._namespace, self._name = namespace, name
        self._uid = self._selector = ""
        self._finding = asyncio.Lock()
        self._served: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_CONNECTIONS)
        self._account = Account()

    @property
    def account(self) -> str:
        """ "2 open of 7, 1.2 KB in, 3.4 MB out": to the pod, and from it."""
        now = self._account
        return f"{now.open} open of {now.total}, {human_bytes(now.bytes_in)} in, {human_bytes(now.bytes_out)} out"

    async def begin(self) -> None:
        """Look at the pod and at what makes it again. Raises `model.errors`."""
        pod = await replacement.read(self._connection, self._namespace, self._name)
        self._uid = pod.metadata.uid
        self._selector = await replacement.selector_of(self._connection, self._namespace, pod)
        if not replacement.usable(pod) and not await self._find(self._name):
            phase = pod.status.phase if pod.status is not None else None
            raise errors.Refused(f"pod {self._namespace}/{self._name} does not run ({phase or 'no phase'})")

    async def serve(self, made: Sequence[socket.socket], ports: Sequence[Ports], target: str) -> None:
        """Until it is cancelled: then all connections end. `made` listen already."""
        try:
            async with asyncio.TaskGroup() as group:
                for one, each in zip(made, ports, strict=True):
                    group.create_task(self._accept(one, each.remote))
                group.create_task(self._watch())
                group.create_task(self._tell(target))
        finally:
            for task in tuple(self._served):
                task.cancel()
            await asyncio.gather(*self._served, return_exceptions=True)
            self._progress.outcome(target, State.SUCCEEDED, self.account)
            self._progress.say(f"closed: {self.account}")

    async def _accept(self, listener: socket.socket, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._room.acquire()
            try:
                local, _ = await loop.sock_accept(listener)
            except BaseException as error:
                self._room.release()
                if not isinstance(error, OSError):
                    raise
                self._progress.say(f"cannot accept a connection: {error.strerror}")  # no more descriptors
                await asyncio.sleep(TELL_SECONDS)
                continue
            task = asyncio.create_task(self._one(local, port), name=f"forward:{port}")
            self._served.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._served.discard(task)
        self._room.release()

    async def _one(self, local: socket.socket, port: int) -> None:
        """One connection. What goes wrong with it is said, and ends it alone."""
        reader, writer = await asyncio.open_connection(sock=local)
        self._account.open += 1
        self._account.total += 1
        whole = False
        try:
            async with AsyncExitStack() as stack:
                await join(await self._opened(stack, port), reader, writer, self._account)
            whole = True
        except errors.SourceError as error:
            self._progress.say(f"a connection to port {port} was lost: {error}")
        except ConnectionError:
            pass  # the local side is gone
        finally:
            self._account.open -= 1
            if not whole:
                writer.transport.abort()  # a reset: what was sent is not all that there was
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _opened(self, stack: AsyncExitStack, port: int) -> Channels:
        """To the pod, or to the one that has taken its place. Raises `model.errors`."""
        name = self._name
        try:
            return await stack.enter_async_context(self._channels(name, port))
        except (errors.NotFound, errors.Refused, errors.Unreachable):
            if not await self._find(name):
                raise
        return await stack.enter_async_context(self._channels(self._name, port))

    def _channels(self, name: str, port: int) -> AbstractAsyncContextManager[Channels]:
        path = f"{pod_path(self._namespace, name)}/portforward"
        return channels(self._connection, path, [("ports", str(port))], (V4,))

    async def _find(self, lost: str) -> bool:
        """Another pod in the place of the one called `lost`; False: there is none, or it is as it was."""
        async with self._finding:
            if self._name != lost:
                return True
            try:
                found = self._name
                if self._selector:
                    found = await replacement.ready_pod(self._connection, self._namespace, self._selector)
                if not found:
                    return False
                pod = await replacement.read(self._connection, self._namespace, found)
            except errors.SourceError:
                return False
            if pod.metadata.uid == self._uid or not replacement.usable(pod):
                return False
            self._name, self._uid = found, pod.metadata.uid
            self._progress.say(f"pod {lost} is gone; new connections go to {found}")
            return True

    async def _watch(self) -> None:
        """The pod may go while nobody connects: the task says so before somebody does."""
        waits = False
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            name = self._name
            try:
                pod = await replacement.read(self._connection, self._namespace, name)
                there = pod.metadata.uid == self._uid and replacement.usable(pod)
            except errors.NotFound:
                there = False
            except errors.SourceError:
                continue  # it cannot be said; a connection will say what is wrong
            if there or await self._find(name):
                waits = False
            elif not waits:
                waits = True
                self._progress.say(f"pod {name} is gone, and no other one has taken its place yet")

    async def _tell(self, target: str) -> None:
        said = ""
        while True:
            if said != self.account:
                said = self.account
                self._progress.outcome(target, State.RUNNING, said)
            await asyncio.sleep(TELL_SECONDS)


def forward_job(
    cluster: Cluster,
    pod: Target,
    namespace: str,
    name: str,
    ports: Sequence[Ports],
    *,
    listening: Callable[[Sequence[Ports]], None] | None = None,
) -> Job:
    """`listening` is told once it is so. Raises errors.Refused when a local port is taken."""
    if not ports:
        raise errors.Refused("write at least one port: PORT, LOCAL:PORT or :PORT")
    chosen = free(ports)

    async def run(progress: Progress) -> None:
        made = listeners(chosen)
        try:
            async with cluster.connected() as connection:
                forwarding = Forwarding(connection, namespace, name, progress)
                await forwarding.begin()
                for one in made:
                    one.setblocking(False)
                    one.listen(MOST_CONNECTIONS)
                for each in chosen:
                    progress.say(f"{LOOPBACK}:{each.local} -> {each.remote}")
                if listening is not None:
                    listening(chosen)
                await forwarding.serve(made, chosen, pod.key)
        finally:
            for one in made:
                one.close()

    pairs = ", ".join(f"{LOOPBACK}:{each.local} to port {each.remote}" for each in chosen)
    return Job(
        action="pods.forward",
        sentence=f"Forward {pairs} of pod {pod.name} in {cluster.name}",
        targets=(pod,),
        run=run,
        risk=Risk.DISRUPTIVE if pod.production else Risk.SAFE,
        lane=LANE,
        timeout_seconds=None,
    )


def forward_actions(means: Means) -> tuple[Action[Pod], ...]:
    """Of the pods' panes."""

    def bind(pods: Sequence[Pod], values: Mapping[str, str]) -> Job:
        (pod,) = pods
        ports = [parsed(word) for word in values["ports"].replace(",", " ").split()]
        return forward_job(means.clusters[pod.source], means.target(pod), pod.namespace, pod.name, ports)

    disabled = allowed(means, "create", PODS, "portforward")
    ports = Input("ports", "Ports", hint="8080:80, or :80 for any free one here; several with blanks between")
    return (
        Action("pods.forward", "Forward ports", "f", Risk.SAFE, bind, disabled=disabled, inputs=(ports,), many=False),
    )
