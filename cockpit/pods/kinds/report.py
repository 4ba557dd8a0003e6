"""What every report of an object says, whatever its kind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from cockpit.pods.kinds.columns import age_text
from cockpit.pods.kinds.object import Object


class ObjectReport(Struct, frozen=True, kw_only=True):
    """`age` is the string that kubectl prints."""

    key: str
    source: str
    namespace: str | None
    """None: the kind has none."""
    name: str
    age: str
    created_at: str | None
    """RFC 3339, UTC."""


def common(row: Object, now: float) -> dict[str, Any]:
    """The fields of `ObjectReport`; `now` in Unix seconds."""
    return {
        "key": row.key,
        "source": row.source,
        "namespace": row.namespace or None,
        "name": row.name,
        "age": age_text(row, now),
        "created_at": rfc3339(row.created),
    }


def rfc3339(unix_seconds: float | None) -> str | None:
    """ "2026-01-31T12:00:00Z", as Kubernetes writes it; None where there is no time."""
    if unix_seconds is None:
        return None
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
