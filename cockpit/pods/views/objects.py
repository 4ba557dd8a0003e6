"""What can be looked into of an object of any kind but a pod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from cockpit.listing.views import View
from cockpit.model import clock
from cockpit.model.units import human_duration
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.columns import UNKNOWN
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds
from cockpit.pods.views.events import events, events_or_why, one_line
from cockpit.pods.views.manifest import dumped, read_object, yaml_lines

_APART = frozenset(("apiVersion", "kind", "metadata", "status"))


def object_views(clusters: Mapping[str, Cluster], kind: AnyKind) -> tuple[View[Any], ...]:
    """`clusters` by the name of their source."""
    of = kind.resource
    shown: tuple[View[Any], ...] = (
        View(f"{of}.describe", "Describe", "d", lambda row: describe(clusters[row.source], kind, row)),
        View(f"{of}.events", "Events", "e", lambda row: events(clusters[row.source], kind, row)),
        View(f"{of}.yaml", "YAML", "y", lambda row: yaml_lines(clusters[row.source], kind, row), syntax="yaml"),
    )
    return tuple(view for view in shown if of != "events" or view.id != "events.events")


async def describe(cluster: Cluster, kind: AnyKind, row: Object) -> AsyncIterator[str]:
    """Metadata, what it should be, how it is, and the events at the end."""
    async with cluster.connected() as connection:
        found = await read_object(cluster, kind, row)
        happened = await events_or_why(connection, kind, row)
    for line in await asyncio.to_thread(lambda: list(description(kind, row, found, clock.wall()))):
        yield line
    yield "Events:"
    for line in happened:
        yield f"  {line}"


def description(kind: AnyKind, row: Object, found: Mapping[str, Any], now: float) -> Iterator[str]:
    """Lines of an object as it was read, masked; whatever a custom resource may hold. `now` in Unix seconds."""
    meta = _mapping(found.get("metadata"))
    made = meta.get("creationTimestamp")
    created = unix_seconds(made) if isinstance(made, str) else None
    deleted = meta.get("deletionTimestamp")
    rows = (
        ("Name", row.name),
        ("Namespace", row.namespace),
        ("Kind", f"{kind.kind} ({kind.group_version})"),
        ("Source", row.source),
        ("Created", UNKNOWN if created is None else f"{made} ({human_duration(now - created)} ago)"),
        ("Terminating", f"since {deleted}" if deleted else ""),
        ("Owner", f"{row.owner_kind}/{row.owner}" if row.owner else ""),
        ("Finalizers", ", ".join(map(str, _list(meta.get("finalizers"))))),
    )
    for title, text in rows:
        if text:
            yield f"{title + ':':<13}{text}"
    yield from labels(meta)
    status = dict(_mapping(found.get("status")))
    conditions = _list(status.pop("conditions", None))
    for name, value in found.items():
        if name not in _APART:
            yield from section(name, value)
    yield from section("status", status)
    if conditions:
        yield "Conditions:"
        yield from map(_condition, map(_mapping, conditions))


def labels(meta: Mapping[str, Any]) -> Iterator[str]:
    """Of its metadata, annotations too."""
    for title in ("labels", "annotations"):
        if pairs := _mapping(meta.get(title)):
            yield f"{title.capitalize()}:"
            yield from (f"  {name}: {one_line(str(value))}" for name, value in sorted(pairs.items()))


def section(name: str, value: object) -> Iterator[str]:
    """A part of an object under its title; nothing of an empty one."""
    if value not in ({}, [], None):
        yield f"{name[:1].upper()}{name[1:]}:"
        yield from (f"  {line}" for line in dumped(value))


def _condition(condition: Mapping[str, Any]) -> str:
    why = one_line(": ".join(str(condition[part]) for part in ("reason", "message") if condition.get(part)))
    return f"  {condition.get('type', '')!s:<28}{condition.get('status', '')!s:<8}{why}".rstrip()


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
