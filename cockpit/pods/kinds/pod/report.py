"""A pod in the snapshot."""

from __future__ import annotations

from msgspec import Struct

from cockpit.pods.kinds.columns import age_text
from cockpit.pods.kinds.pod.columns import ready_text, restarts_text
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.report import rfc3339


class PodReport(Struct, frozen=True):
    """`ready`, `status`, `restarts` and `age` are the strings that kubectl prints."""

    key: str
    source: str
    namespace: str
    name: str
    ready: str
    status: str
    restarts: str
    age: str
    node: str | None
    """None: not scheduled."""
    ip: str | None
    created_at: str | None
    """RFC 3339, UTC."""
    cpu_millicores: int | None
    """What it uses now; None: not known."""
    memory_bytes: int | None


def report(pod: Pod, now: float) -> PodReport:
    """`now` in Unix seconds."""
    return PodReport(
        key=pod.key,
        source=pod.source,
        namespace=pod.namespace,
        name=pod.name,
        ready=ready_text(pod),
        status=pod.status,
        restarts=restarts_text(pod, now),
        age=age_text(pod, now),
        node=pod.node or None,
        ip=pod.ip or None,
        created_at=rfc3339(pod.created),
        cpu_millicores=pod.cpu if pod.cpu >= 0 else None,
        memory_bytes=pod.memory if pod.memory >= 0 else None,
    )
