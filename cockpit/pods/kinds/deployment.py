"""Deployments (printers.go, printDeployment)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.kinds import workload
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, number, share
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.reading import reader
from cockpit.pods.kinds.report import ObjectReport, common


class Deployment(workload.Workload, frozen=True, gc=False):
    """READY is ready of wanted."""


class DeploymentReport(ObjectReport, frozen=True, kw_only=True):
    ready: str
    up_to_date: int
    available: int
    paused: bool
    images: tuple[str, ...]


def tone(row: Deployment) -> Tone:
    """Not all available, or a rollout that is not through, deserves a look."""
    if not row.deleting and row.available < row.replicas:
        return Tone.WARN
    if not row.deleting and not row.paused and row.updated < row.replicas:
        return Tone.BUSY
    return workload.tone(row)


def _row(base: dict[str, Any], found: workload.ServedWorkload) -> Deployment:
    return Deployment(**base, **workload.wanted_fields(found))


def _report(row: Deployment, now: float) -> DeploymentReport:
    return DeploymentReport(
        **common(row, now),
        ready=f"{row.ready}/{row.replicas}",
        up_to_date=row.updated,
        available=row.available,
        paused=row.paused,
        images=row.images,
    )


DEPLOYMENTS: Kind[Deployment] = Kind(
    resource="deployments",
    kind="Deployment",
    group_version="apps/v1",
    short=("deploy",),
    decode=reader("deployment", workload.ServedWorkload, _row),
    columns=(
        NAMESPACE,
        NAME,
        share("READY", lambda r: r.ready, lambda r: r.replicas, tone),
        number("UP-TO-DATE", lambda r: r.updated),
        number("AVAILABLE", lambda r: r.available),
        AGE,
        workload.CONTAINERS,
        workload.IMAGES,
        workload.SELECTOR,
    ),
    tone=tone,
    report=_report,
    search=workload.search,
    sort="namespace",
)
