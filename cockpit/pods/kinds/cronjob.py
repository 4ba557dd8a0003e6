"""Cron jobs (printers.go, printCronJob)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, NONE, number, since, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds
from cockpit.pods.kinds.reading import LabelSelector, Served, or_none, reader, selector_text
from cockpit.pods.kinds.report import ObjectReport, common, rfc3339


class _JobSpec(Wire, frozen=True):
    selector: LabelSelector | None = None
    template: workload.PodTemplate = workload.PodTemplate()


class _JobTemplate(Wire, frozen=True):
    spec: _JobSpec = _JobSpec()


class _Spec(Wire, frozen=True):
    schedule: str = ""
    time_zone: str | None = None
    suspend: bool | None = None
    job_template: _JobTemplate = _JobTemplate()


class _Reference(Wire, frozen=True):
    name: str = ""


class _Status(Wire, frozen=True):
    active: tuple[_Reference, ...] | None = None
    last_schedule_time: str | None = None


class _Served(Served, frozen=True):
    spec: _Spec = _Spec()
    status: _Status = _Status()


class CronJob(Object, frozen=True, gc=False):
    schedule: str
    timezone: str
    suspended: bool | None
    """None: not said, which kubectl prints as <unset>."""
    active: int
    """Jobs of it that run."""
    scheduled: float | None
    """When it made its last job."""
    selector: str
    containers: tuple[str, ...]
    images: tuple[str, ...]


class CronJobReport(ObjectReport, frozen=True, kw_only=True):
    schedule: str
    timezone: str | None
    suspend: bool
    active: int
    last_schedule_at: str | None
    """RFC 3339, UTC."""


def tone(row: CronJob) -> Tone:
    """One that makes no jobs is easily forgotten."""
    return Tone.WARN if row.suspended else Tone.GOOD


def _suspend(row: CronJob) -> str:
    return "<unset>" if row.suspended is None else str(row.suspended)


def _row(base: dict[str, Any], found: _Served) -> CronJob:
    job = found.spec.job_template.spec
    containers = job.template.spec.containers or ()
    return CronJob(
        **base,
        schedule=found.spec.schedule,
        timezone=found.spec.time_zone or "",
        suspended=found.spec.suspend,
        active=len(found.status.active or ()),
        scheduled=unix_seconds(found.status.last_schedule_time),
        selector=selector_text(job.selector),
        containers=tuple(each.name for each in containers),
        images=tuple(each.image or "" for each in containers),
    )


def _report(row: CronJob, now: float) -> CronJobReport:
    return CronJobReport(
        **common(row, now),
        schedule=row.schedule,
        timezone=row.timezone or None,
        suspend=bool(row.suspended),
        active=row.active,
        last_schedule_at=rfc3339(row.scheduled),
    )


CRONJOBS: Kind[CronJob] = Kind(
    resource="cronjobs",
    kind="CronJob",
    group_version="batch/v1",
    short=("cj",),
    decode=reader("cron job", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        words("SCHEDULE", 14, lambda r: r.schedule),
        words("TIMEZONE", 8, lambda r: or_none(r.timezone)),
        state("SUSPEND", 8, _suspend, tone),
        number("ACTIVE", lambda r: r.active),
        since("LAST SCHEDULE", lambda r: r.scheduled, otherwise=NONE),
        AGE,
        workload.CONTAINERS,
        workload.IMAGES,
        workload.SELECTOR,
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.schedule} {' '.join(r.images)}".lower(),
    sort="namespace",
)
