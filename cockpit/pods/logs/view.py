"""Logs as a pane offers them: of the row under the cursor, or of all that are marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.logs.source import LogQuery, OnePod, Workload

T = TypeVar("T")


def _always(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class LogView(Generic[T]):
    """A key of the pane that opens the logs. Palette, `:` mode and help read it too."""

    id: str
    title: str
    key: str
    clusters: Mapping[str, Cluster]
    """By the name of their source."""
    query: Callable[[Sequence[T]], LogQuery]
    """What is followed for these rows. No I/O."""
    disabled: Callable[[Sequence[T]], str | None] = _always
    """Why it cannot be opened for these, or None."""


def pod_logs(clusters: Mapping[str, Cluster]) -> tuple[LogView[Pod], ...]:
    """Of pods, now and before their last restart."""

    def query(pods: Sequence[Pod], previous: bool = False) -> LogQuery:
        return LogQuery(tuple(OnePod(pod.source, pod.namespace, pod.name) for pod in pods), previous=previous)

    def restarted(pods: Sequence[Pod]) -> str | None:
        return None if any(pod.restarts for pod in pods) else "no container of it has been restarted"

    return (
        LogView("pods.logs", "Logs", "l", clusters, query),
        LogView("pods.previous", "Previous logs", "p", clusters, lambda pods: query(pods, True), restarted),
    )


WORKLOADS = frozenset(
    ("deployments", "statefulsets", "daemonsets", "replicasets", "replicationcontrollers", "jobs", "services")
)
"""Resources with a selector for pods."""


def workload_logs(clusters: Mapping[str, Cluster], kind: AnyKind) -> tuple[LogView[Object], ...]:
    """Of all pods of a workload; empty for kinds that select none."""
    if kind.resource not in WORKLOADS:
        return ()

    def query(rows: Sequence[Object]) -> LogQuery:
        return LogQuery(
            tuple(
                Workload(
                    row.source, row.namespace, kind.path(row.namespace, row.name), f"{kind.kind.lower()} {row.path}"
                )
                for row in rows
            )
        )

    return (LogView(f"{kind.resource}.logs", "Logs", "l", clusters, query),)
