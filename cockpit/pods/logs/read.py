"""Logs of a pod's containers, byte-safe: invalid UTF-8 is replaced, a long line is cut into several."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cockpit.model import errors
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.lines import LOG_LINE_BYTES, LineSplitter
from cockpit.pods.api.merge import merged
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.wire import ContainerStatus, PodObject
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS

TAIL_LINES = 1000


async def read_pod(connection: Connection, pod: Pod) -> PodObject:
    """The object as it is now. Raises errors.NotFound when the pod has gone or another one bears its name."""
    found = await connection.get(pod_path(pod.namespace, pod.name), PodObject)
    if found.metadata.uid != pod.uid:
        raise errors.NotFound(f"pod {pod.path} is gone; another one bears its name now")
    return found


async def logs(cluster: Cluster, pod: Pod, *, previous: bool = False) -> AsyncIterator[str]:
    """The last lines of every container that has run, and what follows; several are prefixed and interleaved.

    `previous`: of the containers before their last restart; does not follow.
    """
    async with cluster.connected() as connection:
        names = _previous(await read_pod(connection, pod)) if previous else _started(await read_pod(connection, pod))
        if not names:
            raise errors.Refused(
                f"no container of {pod.path} has been restarted"
                if previous
                else f"no container of {pod.path} has started yet: {pod.status}; see its events"
            )
        query = {"tailLines": str(TAIL_LINES), **({"previous": "true"} if previous else {"follow": "true"})}
        if len(names) == 1:
            async with aclosing(_container(connection, pod, {**query, "container": names[0]})) as lines:
                async for line in lines:
                    yield line
            return
        streams = [_noted(_container(connection, pod, {**query, "container": name})) for name in names]
        async with aclosing(merged(streams)) as both:
            async for number, line in both:
                yield f"[{names[number]}] {line}"


async def _container(connection: Connection, pod: Pod, query: dict[str, str]) -> AsyncGenerator[str, None]:
    splitter = LineSplitter(LOG_LINE_BYTES, cut=True)
    async with (
        connection.stream(f"{pod_path(pod.namespace, pod.name)}/log", query, read_seconds=None) as response,
        aclosing(connection.chunks(response)) as chunks,
    ):
        async for chunk in chunks:
            for line in splitter.feed(chunk):
                yield line.decode(errors="replace").removesuffix("\r")
    if rest := splitter.end():
        yield rest.decode(errors="replace")


async def _noted(lines: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """One container that has no log must not hide the others'."""
    try:
        async with aclosing(lines):
            async for line in lines:
                yield line
    except (errors.Refused, errors.NotFound) as error:
        yield f"(no log: {error})"


def _started(pod: PodObject) -> list[str]:
    """Containers with a log now: of the init containers only sidecars and those that have not ended well."""
    status = pod.status or NO_STATUS
    sidecars = {c.name for c in (pod.spec or NO_SPEC).init_containers or () if c.restart_policy == "Always"}
    main = [c.name for c in status.container_statuses or () if _has_run(c)]
    init = [c for c in status.init_container_statuses or () if _has_run(c)]
    return main + [c.name for c in init if c.name in sidecars or not _ended_well(c) or not main]


def _previous(pod: PodObject) -> list[str]:
    status = pod.status or NO_STATUS
    every = (*(status.container_statuses or ()), *(status.init_container_statuses or ()))
    return [c.name for c in every if c.last_state is not None and c.last_state.terminated is not None]


def _has_run(container: ContainerStatus) -> bool:
    now, before = container.state, container.last_state
    return bool((now and (now.running or now.terminated)) or (before and before.terminated))


def _ended_well(container: ContainerStatus) -> bool:
    state = container.state
    return bool(state and state.terminated and state.terminated.exit_code == 0)
