"""The events of one object, as `kubectl get events` shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from cockpit.model import clock, errors
from cockpit.model.units import human_duration
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.paths import collection_path
from cockpit.pods.api.wire import Event, EventList
from cockpit.pods.kinds.columns import UNKNOWN
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds

MOST = 500


async def events(cluster: Cluster, kind: AnyKind, row: Object) -> AsyncIterator[str]:
    """Lines of the object's events, oldest first."""
    async with cluster.connected() as connection:
        found = await read_events(connection, kind, row)
    for line in event_lines(found, clock.wall()):
        yield line


async def events_or_why(connection: Connection, kind: AnyKind, row: Object) -> list[str]:
    """Lines for the end of a description: the events, or why they cannot be read."""
    try:
        return list(event_lines(await read_events(connection, kind, row), clock.wall()))
    except (errors.Denied, errors.NotFound) as error:
        return [f"(not readable: {error})"]


async def read_events(connection: Connection, kind: AnyKind, row: Object) -> list[Event]:
    """At most MOST, oldest first. Raises `model.errors`."""
    # A kubelet writes its node's name where the uid should be.
    fields = (
        f"involvedObject.kind=Node,involvedObject.name={row.name}"
        if kind.resource == "nodes"
        else f"involvedObject.uid={row.uid}"
    )
    path = collection_path("v1", "events", row.namespace)
    found = (await connection.get(path, EventList, {"fieldSelector": fields, "limit": str(MOST)})).items or ()
    return sorted(found, key=lambda event: _last_seen(event) or 0.0)


def event_lines(found: Iterable[Event], now: float) -> Iterator[str]:
    """A heading and a line each; `now` in Unix seconds."""
    rows = [("LAST SEEN", "TYPE", "REASON", "MESSAGE")]
    for event in found:
        seen = _last_seen(event)
        count = (event.series.count if event.series else event.count) or 1
        times = f" (x{count})" if count > 1 else ""
        age = UNKNOWN if seen is None else human_duration(now - seen)
        rows.append((age + times, event.type or "", event.reason or "", one_line(event.message)))
    if len(rows) == 1:
        yield "no events (a cluster keeps them for about an hour)"
        return
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join([*(row[place].ljust(widths[place]) for place in range(3)), row[3]])


def one_line(text: str | None) -> str:
    """Words with single spaces."""
    return " ".join((text or "").split())


def _last_seen(event: Event) -> float | None:
    last = event.series.last_observed_time if event.series else None
    return unix_seconds(last or event.last_timestamp or event.event_time or event.first_timestamp)
