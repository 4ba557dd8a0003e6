"""Replica sets (printers.go, printReplicaSet)."""

from __future__ import annotations

from typing import Any

from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, number, state
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.reading import reader
from cockpit.pods.kinds.report import ObjectReport, common


class ReplicaSet(workload.Workload, frozen=True, gc=False):
    """One revision of a deployment."""


class ReplicaSetReport(ObjectReport, frozen=True, kw_only=True):
    desired: int
    current: int
    ready: int
    images: tuple[str, ...]


def _row(base: dict[str, Any], found: workload.ServedWorkload) -> ReplicaSet:
    return ReplicaSet(**base, **workload.wanted_fields(found))


def _report(row: ReplicaSet, now: float) -> ReplicaSetReport:
    return ReplicaSetReport(
        **common(row, now), desired=row.replicas, current=row.current, ready=row.ready, images=row.images
    )


REPLICASETS: Kind[ReplicaSet] = Kind(
    resource="replicasets",
    kind="ReplicaSet",
    group_version="apps/v1",
    short=("rs",),
    decode=reader("replica set", workload.ServedWorkload, _row),
    columns=(
        NAMESPACE,
        NAME,
        number("DESIRED", lambda r: r.replicas),
        number("CURRENT", lambda r: r.current),
        state("READY", 7, lambda r: str(r.ready), workload.tone),
        AGE,
        workload.CONTAINERS,
        workload.IMAGES,
        workload.SELECTOR,
    ),
    tone=workload.tone,
    report=_report,
    search=workload.search,
    sort="namespace",
)
