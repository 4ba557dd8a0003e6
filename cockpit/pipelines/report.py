"""A run in the snapshot."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from cockpit.pipelines.run import Run


class RunReport(Struct, frozen=True):
    """`result` is null until the run has ended; times are RFC 3339 in UTC."""

    key: str
    source: str
    repository: str
    name: str
    number: int
    ref: str
    sha: str
    phase: str
    result: str | None
    reason: str
    event: str
    actor: str
    created_at: str
    started_at: str | None
    finished_at: str | None
    duration_seconds: float | None
    url: str
    attempt: int


def report(run: Run, now: float) -> RunReport:
    """`now` in Unix seconds; a run that goes on has lasted until now."""
    duration = run.duration_seconds(now)
    return RunReport(
        key=run.key,
        source=run.source,
        repository=run.repository,
        name=run.name,
        number=run.number,
        ref=run.ref,
        sha=run.sha,
        phase=run.phase,
        result=run.result,
        reason=run.reason,
        event=run.event,
        actor=run.actor,
        created_at=_rfc3339(run.created_at),
        started_at=None if run.started_at is None else _rfc3339(run.started_at),
        finished_at=None if run.finished_at is None else _rfc3339(run.finished_at),
        duration_seconds=None if duration is None else round(duration, 3),
        url=run.url,
        attempt=run.attempt,
    )


def _rfc3339(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
