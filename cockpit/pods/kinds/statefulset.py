"""Stateful sets (printers.go, printStatefulSet)."""

from __future__ import annotations

from typing import Any

from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, share
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.reading import reader
from cockpit.pods.kinds.report import ObjectReport, common


class StatefulSet(workload.Workload, frozen=True, gc=False):
    """READY is ready of wanted."""


class StatefulSetReport(ObjectReport, frozen=True, kw_only=True):
    ready: str
    images: tuple[str, ...]


def _row(base: dict[str, Any], found: workload.ServedWorkload) -> StatefulSet:
    return StatefulSet(**base, **workload.wanted_fields(found))


def _report(row: StatefulSet, now: float) -> StatefulSetReport:
    return StatefulSetReport(**common(row, now), ready=f"{row.ready}/{row.replicas}", images=row.images)


STATEFULSETS: Kind[StatefulSet] = Kind(
    resource="statefulsets",
    kind="StatefulSet",
    group_version="apps/v1",
    short=("sts",),
    decode=reader("stateful set", workload.ServedWorkload, _row),
    columns=(
        NAMESPACE,
        NAME,
        share("READY", lambda r: r.ready, lambda r: r.replicas, workload.tone),
        AGE,
        workload.CONTAINERS,
        workload.IMAGES,
    ),
    tone=workload.tone,
    report=_report,
    search=workload.search,
    sort="namespace",
)
