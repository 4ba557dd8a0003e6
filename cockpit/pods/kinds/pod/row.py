"""A pod as one slotted row: what the columns, the filter and the timeline need, and nothing else of its 5 KB."""

from __future__ import annotations

from cockpit.pods.kinds.object import Object


class Pod(Object, frozen=True, gc=False):
    """About 650 bytes; namespace, node, status and owner are interned."""

    ready: int
    total: int
    status: str
    """What kubectl prints."""
    restarts: int
    restarted: float | None
    """When a container of it last ended before it was restarted."""
    phase: str
    node: str
    ip: str
    nominated: str = ""
    """The node that pods are evicted from for it."""
    gates: str = ""
    """ "1/2": readiness gates that are open; empty: it has none."""
    cpu_request: int = 0
    """Millicores, of its containers and sidecars; 0: none."""
    cpu_limit: int = 0
    memory_request: int = 0
    """Bytes."""
    memory_limit: int = 0
    cpu: int = -1
    """Millicores that it uses now; -1: not known."""
    memory: int = -1
    """Bytes."""

    @property
    def workload(self) -> str:
        """The name people use for what it belongs to: a ReplicaSet's and a CronJob's job's suffix is cut off.

        The pod's own where nothing but a node (a static pod) owns it.
        """
        if not self.owner or self.owner_kind == "Node":
            return self.name
        if self.owner_kind == "ReplicaSet":
            return self.owner.rpartition("-")[0] or self.owner
        head, _, tail = self.owner.rpartition("-")
        return head if self.owner_kind == "Job" and head and tail.isdigit() else self.owner
