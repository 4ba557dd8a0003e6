"""core/v1 Events, counted up when they repeat, the oldest dropped beyond a cap (a real server lets them expire)."""

from __future__ import annotations

import time
from collections import OrderedDict

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.store import Store, timestamp

KEPT = 1_000


class Recorder:
    """Writes events about objects. Repeats are the same reason and message about the same object."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[tuple[str, str, str], tuple[str, str]] = OrderedDict()

    def record(
        self,
        kind: Kind,
        about: Object,
        reason: str,
        message: str,
        *,
        component: str,
        warning: bool = False,
        host: str = "",
        container: str = "",
        first: float | None = None,
        last: float | None = None,
        count: int = 1,
    ) -> None:
        """One event; `first`, `last` (Unix seconds) and `count` backdate those of the scenery."""
        metadata = about["metadata"]
        now = time.time()
        key = (metadata["uid"], reason, message)
        known = self._known.pop(key, None)
        record = self._store.get("events", *known) if known is not None else None
        if record is not None and known is not None:
            event = record.load()
            event["count"] = event.get("count", 1) + count
            event["lastTimestamp"] = timestamp(now if last is None else last)
            self._known[key] = known
        else:
            involved = {
                "kind": kind.kind,
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
                "apiVersion": kind.group_version,
                "resourceVersion": metadata["resourceVersion"],
            }
            if container:
                involved["fieldPath"] = f"spec.containers{{{container}}}"
            began = timestamp(now if first is None else first)
            name = f"{metadata['name']}.{self._store.random.getrandbits(64):016x}"
            event = {
                "metadata": {"name": name, "namespace": metadata["namespace"], "creationTimestamp": began},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "source": {"component": component} | ({"host": host} if host else {}),
                "firstTimestamp": began,
                "lastTimestamp": timestamp(now if last is None else last),
                "count": count,
                "type": "Warning" if warning else "Normal",
                "eventTime": None,
                "reportingComponent": component,
                "reportingInstance": host,
            }
            self._known[key] = (metadata["namespace"], name)
        self._store.put(kinds.EVENTS, event)
        while len(self._known) > KEPT:
            _, oldest = self._known.popitem(last=False)
            self._store.remove(kinds.EVENTS, *oldest)
