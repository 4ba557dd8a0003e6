"""Events of core/v1 (printers.go, printEvent), newest first."""

from __future__ import annotations

from typing import Any

from cockpit.listing.cells import Column
from cockpit.model.tone import Tone
from cockpit.pods.api.wire import EventSeries, Wire
from cockpit.pods.kinds.columns import NAME, NAMESPACE, number, since, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common, rfc3339


class _About(Wire, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    field_path: str = ""


class _Source(Wire, frozen=True):
    component: str = ""
    host: str = ""


class _Served(Served, frozen=True):
    type: str | None = None
    reason: str | None = None
    message: str | None = None
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: EventSeries | None = None
    involved_object: _About = _About()
    source: _Source = _Source()
    reporting_component: str | None = None
    reporting_instance: str | None = None


class Event(Object, frozen=True, gc=False):
    type: str
    reason: str
    about: str
    """ "pod/web-1"."""
    about_uid: str
    subobject: str
    reporter: str
    message: str
    first: float | None
    last: float | None
    count: int


class EventReport(ObjectReport, frozen=True, kw_only=True):
    type: str
    reason: str
    object: str
    message: str
    count: int
    last_seen_at: str | None
    """RFC 3339, UTC."""


def tone(row: Event) -> Tone:
    """Warnings deserve a look, normal events do not."""
    return Tone.WARN if row.type == "Warning" else Tone.NORMAL


def message_text(row: Event) -> str:
    """kubectl prints the first line alone (cli-runtime, tableprinter.go)."""
    lines = row.message.splitlines() or [""]
    return row.message if len(lines) == 1 else f"{lines[0]}..."


def _row(base: dict[str, Any], found: _Served) -> Event:
    first = unix_seconds(found.first_timestamp or found.event_time)
    last = unix_seconds(found.last_timestamp) if found.last_timestamp else first
    count = found.count or 1
    if found.series is not None:
        last, count = unix_seconds(found.series.last_observed_time), found.series.count or 0
    about, told = found.involved_object, found.source
    reporter = (told.component or found.reporting_component or "", told.host or found.reporting_instance or "")
    return Event(
        **base,
        type=found.type or "",
        reason=found.reason or "",
        about=f"{about.kind.lower()}/{about.name}" if about.name else about.kind.lower(),
        about_uid=about.uid,
        subobject=about.field_path,
        reporter=", ".join(reporter) if reporter[1] else reporter[0],
        message=(found.message or "").strip(),
        first=first,
        last=last,
        count=count,
    )


def _report(row: Event, now: float) -> EventReport:
    return EventReport(
        **common(row, now),
        type=row.type,
        reason=row.reason,
        object=row.about,
        message=row.message,
        count=row.count,
        last_seen_at=rfc3339(row.last),
    )


_NAME: Column[Event] = words("NAME", NAME.width, lambda r: r.name, wide=True, least=NAME.least)
EVENTS: Kind[Event] = Kind(
    resource="events",
    kind="Event",
    group_version="v1",
    short=("ev",),
    decode=reader("event", _Served, _row),
    columns=(
        NAMESPACE,
        since("LAST SEEN", lambda r: r.last),
        state("TYPE", 9, lambda r: r.type, tone),
        words("REASON", 16, lambda r: r.reason, least=8),
        words("OBJECT", 28, lambda r: r.about, least=12),
        words("SUBOBJECT", 16, lambda r: r.subobject, wide=True, least=9),
        words("SOURCE", 16, lambda r: r.reporter, wide=True, least=8),
        words("MESSAGE", 40, message_text, least=20),
        since("FIRST SEEN", lambda r: r.first, wide=True),
        number("COUNT", lambda r: r.count, wide=True),
        _NAME,
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.namespace}/{r.about} {r.type} {r.reason} {r.message}".lower(),
    sort="last-seen",
)
