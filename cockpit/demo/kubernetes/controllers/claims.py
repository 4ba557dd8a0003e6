"""The volume binder: a claim of a storage class is bound at once to a volume that nobody serves."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import dig
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.store import Record

STORAGE_CLASS = "standard"


class Claims:
    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def reconcile(self, record: Record, now: float | None = None) -> bool:
        item = record.load()
        spec = item["spec"]
        if dig(item, "status.phase") == "Bound" or spec.get("storageClassName", STORAGE_CLASS) != STORAGE_CLASS:
            return False
        spec |= {"storageClassName": STORAGE_CLASS, "volumeName": f"pvc-{record.uid}", "volumeMode": "Filesystem"}
        item["status"] = {
            "phase": "Bound",
            "accessModes": spec.get("accessModes", ["ReadWriteOnce"]),
            "capacity": {"storage": dig(spec, "resources.requests.storage") or "1Gi"},
        }
        self._objects.save(kinds.CLAIMS, item)
        return False
