"""A pod in words: where it is, what its containers do, and what happened to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec

from cockpit.model import clock, errors
from cockpit.model.units import human_duration
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.wire import ContainerState, ContainerStatus, PodObject
from cockpit.pods.kinds.columns import NONE, UNKNOWN
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS, printed, unix_seconds
from cockpit.pods.views.events import events_or_why, one_line
from cockpit.pods.views.manifest import parsed
from cockpit.pods.views.objects import labels, section


async def describe(cluster: Cluster, pod: Pod) -> AsyncIterator[str]:
    """What matters first, then all that it should be, and the events at the end."""
    async with cluster.connected() as connection:
        body = await connection.body(PODS.path(pod.namespace, pod.name))
        happened = await events_or_why(connection, PODS, pod)
    for line in await asyncio.to_thread(_lines, body, pod):
        yield line
    yield "Events:"
    for line in happened:
        yield f"  {line}"


def _lines(body: bytes, pod: Pod) -> list[str]:
    whole = parsed(body, PODS, pod)
    try:
        found = msgspec.json.decode(body, type=PodObject)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"not a pod: {error}") from error
    meta = whole.get("metadata")
    return [
        *description(pod, found, clock.wall()),
        *labels(meta if isinstance(meta, dict) else {}),
        *section("spec", whole.get("spec")),
    ]


def description(pod: Pod, found: PodObject, now: float) -> Iterator[str]:
    """Lines of a pod as it is now."""
    spec, status, seen = found.spec or NO_SPEC, found.status or NO_STATUS, printed(found)
    created = unix_seconds(found.metadata.creation_timestamp)
    age = UNKNOWN if created is None else f"{found.metadata.creation_timestamp} ({human_duration(now - created)} ago)"
    rows = (
        ("Name", pod.name),
        ("Namespace", pod.namespace),
        ("Source", pod.source),
        ("Status", f"{seen.status} (phase {status.phase or UNKNOWN}), {seen.ready}/{seen.total} ready"),
        ("Why", one_line(": ".join(filter(None, (status.reason, status.message))))),
        ("Node", spec.node_name or NONE),
        ("IP", status.pod_ip or NONE),
        ("Created", age),
        ("Owner", f"{pod.owner_kind}/{pod.owner}" if pod.owner else "none: nothing makes it again"),
        ("Finalizers", ", ".join(found.metadata.finalizers or ())),
    )
    for title, text in rows:
        if text:
            yield f"{title + ':':<12}{text}"
    yield "Conditions:"
    for condition in status.conditions or ():
        why = one_line(": ".join(filter(None, (condition.reason, condition.message))))
        yield f"  {condition.type:<28}{condition.status:<8}{why}".rstrip()
    for title, containers, statuses in (
        ("Init containers:", spec.init_containers, status.init_container_statuses),
        ("Containers:", spec.containers, status.container_statuses),
    ):
        if containers:
            yield title
        known = {c.name: c for c in statuses or ()}
        for container in containers or ():
            yield f"  {container.name}"
            yield f"    image     {container.image or NONE}"
            yield from _container_lines(known.get(container.name))


def _container_lines(status: ContainerStatus | None) -> Iterator[str]:
    if status is None:
        yield "    state     not reported yet"
        return
    yield f"    state     {_state(status.state)}"
    if status.last_state is not None and status.last_state.terminated is not None:
        yield f"    before    {_state(status.last_state)}"
    yield f"    ready     {'yes' if status.ready else 'no'}, restarts {status.restart_count or 0}"


def _state(state: ContainerState | None) -> str:
    if state is None:
        return "unknown"
    if state.running:
        return f"running since {state.running.started_at or UNKNOWN}"
    if ended := state.terminated:
        signal = f", signal {ended.signal}" if ended.signal else ""
        return f"ended: {ended.reason or UNKNOWN}, exit {ended.exit_code}{signal}, at {ended.finished_at or UNKNOWN}"
    if state.waiting:
        return one_line("waiting: " + ": ".join(filter(None, (state.waiting.reason, state.waiting.message))))
    return "unknown"
