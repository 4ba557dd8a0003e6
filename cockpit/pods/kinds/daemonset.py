"""Daemon sets (printers.go, printDaemonSet)."""

from __future__ import annotations

from typing import Any

from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, number, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.reading import labels_text, or_none, reader
from cockpit.pods.kinds.report import ObjectReport, common


class DaemonSet(workload.Workload, frozen=True, gc=False):
    """`replicas` are the nodes that it should be on."""

    node_selector: str


class DaemonSetReport(ObjectReport, frozen=True, kw_only=True):
    desired: int
    current: int
    ready: int
    up_to_date: int
    available: int
    node_selector: str | None
    images: tuple[str, ...]


def _row(base: dict[str, Any], found: workload.ServedWorkload) -> DaemonSet:
    status = found.status
    return DaemonSet(
        **base,
        replicas=status.desired_number_scheduled,
        current=status.current_number_scheduled,
        ready=status.number_ready,
        updated=status.updated_number_scheduled,
        available=status.number_available,
        **workload.template_fields(found),
        node_selector=labels_text(found.spec.template.spec.node_selector),
    )


def _report(row: DaemonSet, now: float) -> DaemonSetReport:
    return DaemonSetReport(
        **common(row, now),
        desired=row.replicas,
        current=row.current,
        ready=row.ready,
        up_to_date=row.updated,
        available=row.available,
        node_selector=row.node_selector or None,
        images=row.images,
    )


DAEMONSETS: Kind[DaemonSet] = Kind(
    resource="daemonsets",
    kind="DaemonSet",
    group_version="apps/v1",
    short=("ds",),
    decode=reader("daemon set", workload.ServedWorkload, _row),
    columns=(
        NAMESPACE,
        NAME,
        number("DESIRED", lambda r: r.replicas),
        number("CURRENT", lambda r: r.current),
        state("READY", 7, lambda r: str(r.ready), workload.tone),
        number("UP-TO-DATE", lambda r: r.updated),
        number("AVAILABLE", lambda r: r.available),
        words("NODE SELECTOR", 16, lambda r: or_none(r.node_selector), least=8),
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
