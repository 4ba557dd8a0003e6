"""Jobs (printers.go, printJob)."""

from __future__ import annotations

from typing import Any

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import Tone
from cockpit.model.units import human_duration
from cockpit.pods.api.wire import Condition, Wire
from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds
from cockpit.pods.kinds.reading import LabelSelector, Served, reader, selector_text
from cockpit.pods.kinds.report import ObjectReport, common

_TONES = {"Complete": Tone.MUTED, "Running": Tone.GOOD, "Terminating": Tone.BUSY, "Suspended": Tone.WARN}


class _Spec(Wire, frozen=True):
    completions: int | None = None
    parallelism: int | None = None
    selector: LabelSelector | None = None
    template: workload.PodTemplate = workload.PodTemplate()


class _Status(Wire, frozen=True):
    succeeded: int = 0
    failed: int = 0
    start_time: str | None = None
    completion_time: str | None = None
    conditions: tuple[Condition, ...] | None = None


class _Served(Served, frozen=True):
    spec: _Spec = _Spec()
    status: _Status = _Status()


class Job(Object, frozen=True, gc=False):
    status: str
    """What kubectl prints."""
    completions: str
    succeeded: int
    failed: int
    """Pods of it that failed."""
    started: float | None
    completed: float | None
    selector: str
    containers: tuple[str, ...]
    images: tuple[str, ...]


class JobReport(ObjectReport, frozen=True, kw_only=True):
    status: str
    completions: str
    duration: str
    """Empty: not started."""
    images: tuple[str, ...]


def tone(row: Job) -> Tone:
    """A job that runs but has failed pods deserves a look."""
    if row.status == "Running" and row.failed:
        return Tone.WARN
    return _TONES.get(row.status, Tone.BAD)


def duration_text(row: Job, now: float) -> str:
    """Empty before it starts."""
    if row.started is None:
        return ""
    return human_duration((now if row.completed is None else row.completed) - row.started)


def _row(base: dict[str, Any], found: _Served) -> Job:
    spec, status = found.spec, found.status
    containers = spec.template.spec.containers or ()
    return Job(
        **base,
        status=_status(found),
        completions=_completions(spec, status),
        succeeded=status.succeeded,
        failed=status.failed,
        started=unix_seconds(status.start_time),
        completed=unix_seconds(status.completion_time),
        selector=selector_text(spec.selector),
        containers=tuple(each.name for each in containers),
        images=tuple(each.image or "" for each in containers),
    )


def _status(found: _Served) -> str:
    true = {each.type for each in found.status.conditions or () if each.status == "True"}
    for condition in ("Complete", "Failed"):
        if condition in true:
            return condition
    if found.metadata.deletion_timestamp:
        return "Terminating"
    return next((condition for condition in ("Suspended", "FailureTarget") if condition in true), "Running")


def _completions(spec: _Spec, status: _Status) -> str:
    if spec.completions is not None:
        return f"{status.succeeded}/{spec.completions}"
    many = spec.parallelism or 0
    return f"{status.succeeded}/1 of {many}" if many > 1 else f"{status.succeeded}/1"


def _report(row: Job, now: float) -> JobReport:
    return JobReport(
        **common(row, now),
        status=row.status,
        completions=row.completions,
        duration=duration_text(row, now),
        images=row.images,
    )


def _lasted(row: Job) -> float:
    if row.started is None:
        return -1.0
    return row.completed - row.started if row.completed is not None else float("inf")


_DURATION: Column[Job] = Column(
    "duration", "DURATION", 8, lambda r, now: Cell(duration_text(r, now)), _lasted, clock=True
)
JOBS: Kind[Job] = Kind(
    resource="jobs",
    kind="Job",
    group_version="batch/v1",
    decode=reader("job", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        state("STATUS", 12, lambda r: r.status, tone),
        words("COMPLETIONS", 11, lambda r: r.completions),
        _DURATION,
        AGE,
        workload.CONTAINERS,
        workload.IMAGES,
        workload.SELECTOR,
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.status} {' '.join(r.images)}".lower(),
    sort="namespace",
)
