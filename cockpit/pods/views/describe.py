"""A pod in words: where it is, what its containers do, and what happened to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from cockpit.model import clock, errors
from cockpit.model.units import human_duration
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.paths import collection_path
from cockpit.pods.api.wire import ContainerState, ContainerStatus, Event, EventList, PodObject
from cockpit.pods.kinds.columns import NONE, UNKNOWN
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS, printed, unix_seconds
from cockpit.pods.logs.read import read_pod


async def events(cluster: Cluster, pod: Pod) -> AsyncIterator[str]:
    """The pod's events, oldest first, as `kubectl get events` shows them."""
    async with cluster.connected() as connection:
        found = await _events(connection, pod)
    for line in event_lines(found, clock.wall()):
        yield line


async def describe(cluster: Cluster, pod: Pod) -> AsyncIterator[str]:
    """A description with the events at its end."""
    async with cluster.connected() as connection:
        found = await read_pod(connection, pod)
        try:
            happened = list(event_lines(await _events(connection, pod), clock.wall()))
        except (errors.Denied, errors.NotFound) as error:
            happened = [f"(not readable: {error})"]
    for line in description(pod, found, clock.wall()):
        yield line
    yield "Events:"
    for line in happened:
        yield f"  {line}"


async def _events(connection: Connection, pod: Pod) -> list[Event]:
    query = {"fieldSelector": f"involvedObject.uid={pod.uid}", "limit": "500"}
    found = (await connection.get(collection_path("v1", "events", pod.namespace), EventList, query)).items or ()
    return sorted(found, key=lambda event: _last_seen(event) or 0.0)


def event_lines(found: Iterable[Event], now: float) -> Iterator[str]:
    """A heading and a line each; `now` in Unix seconds."""
    rows = [("LAST SEEN", "TYPE", "REASON", "MESSAGE")]
    for event in found:
        seen = _last_seen(event)
        count = (event.series.count if event.series else event.count) or 1
        times = f" (x{count})" if count > 1 else ""
        age = UNKNOWN if seen is None else human_duration(now - seen)
        rows.append((age + times, event.type or "", event.reason or "", _line(event.message)))
    if len(rows) == 1:
        yield "no events (a cluster keeps them for about an hour)"
        return
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join([*(row[place].ljust(widths[place]) for place in range(3)), row[3]])


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
        ("Why", _line(": ".join(filter(None, (status.reason, status.message))))),
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
        why = _line(": ".join(filter(None, (condition.reason, condition.message))))
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
        return _line("waiting: " + ": ".join(filter(None, (state.waiting.reason, state.waiting.message))))
    return "unknown"


def _last_seen(event: Event) -> float | None:
    last = event.series.last_observed_time if event.series else None
    return unix_seconds(last or event.last_timestamp or event.event_time or event.first_timestamp)


def _line(text: str | None) -> str:
    return " ".join((text or "").split())
