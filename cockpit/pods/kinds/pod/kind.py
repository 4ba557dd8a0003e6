"""Pods, as a kind."""

from __future__ import annotations

from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.pod.columns import COLUMNS, tone
from cockpit.pods.kinds.pod.decode import decode
from cockpit.pods.kinds.pod.report import report
from cockpit.pods.kinds.pod.row import Pod


def search(pod: Pod) -> str:
    """Lower-case text that a filter looks into."""
    return f"{pod.source} {pod.namespace}/{pod.name} {pod.status} {pod.workload} {pod.node} {pod.ip}".lower()


PODS: Kind[Pod] = Kind(
    resource="pods",
    kind="Pod",
    group_version="v1",
    short=("po",),
    decode=decode,
    columns=COLUMNS,
    tone=tone,
    report=report,
    search=search,
    sort="namespace",
)
