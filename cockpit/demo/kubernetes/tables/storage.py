"""printConfigMap, printSecret, printPersistentVolumeClaim."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, UNSET, Printer, age

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}


def _configmap(item: Object, now: float) -> list[Any]:
    count = len(item.get("data") or ()) + len(item.get("binaryData") or ())
    return [item["metadata"]["name"], count, age(item, now)]


def _secret(item: Object, now: float) -> list[Any]:
    return [item["metadata"]["name"], item.get("type", "Opaque"), len(item.get("data") or ()), age(item, now)]


def _claim(item: Object, now: float) -> list[Any]:
    spec, status = item["spec"], item.get("status", {})
    bound = bool(spec.get("volumeName"))
    return [
        item["metadata"]["name"],
        "Terminating" if dig(item, "metadata.deletionTimestamp") else status.get("phase", ""),
        spec.get("volumeName", ""),
        (dig(status, "capacity.storage") or "0") if bound else "",
        ",".join(_MODES.get(mode, mode) for mode in status.get("accessModes") or ()) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName") or UNSET,
        age(item, now),
        spec.get("volumeMode") or UNSET,
    ]


CONFIGMAPS: Printer = ((NAME, ("Data", "string", 0), AGE), _configmap)
SECRETS: Printer = ((NAME, ("Type", "string", 0), ("Data", "string", 0), AGE), _secret)
CLAIMS: Printer = (
    (
        NAME,
        ("Status", "string", 0),
        ("Volume", "string", 0),
        ("Capacity", "string", 0),
        ("Access Modes", "string", 0),
        ("StorageClass", "string", 0),
        ("VolumeAttributesClass", "string", 0),
        AGE,
        ("VolumeMode", "string", 1),
    ),
    _claim,
)
