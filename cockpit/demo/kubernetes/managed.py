"""`metadata.managedFields`: who last set which field. Nobody reads it here, but every real payload carries it."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.patch import MERGE_KEYS

_UNOWNED = frozenset(
    ("uid", "resourceVersion", "creationTimestamp", "managedFields", "name", "namespace", "generation")
)


def _fields(value: Any, field: str) -> Any:
    if isinstance(value, dict):
        return {f"f:{key}": _fields(item, key) for key, item in value.items()}
    key = MERGE_KEYS.get(field)
    if isinstance(value, list) and key is not None:
        owned: Object = {}
        for item in value:
            if isinstance(item, dict) and key in item:
                owned[f'k:{{"{key}":"{item[key]}"}}'] = {".": {}} | {f"f:{k}": _fields(v, k) for k, v in item.items()}
        return owned
    return {}


def managed_fields(item: Object, group_version: str, *, manager: str, time: str) -> list[Object]:
    """Two entries, as most objects have: the manager's for metadata and spec, and one for the status."""
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key not in _UNOWNED}
    entries = [(manager, "", {"f:metadata": _fields(metadata, ""), "f:spec": _fields(item.get("spec", {}), "")})]
    if item.get("status"):
        writer = "kubelet" if "containerStatuses" in item["status"] else "kube-controller-manager"
        entries.append((writer, "status", {"f:status": _fields(item["status"], "")}))
    listed = []
    for who, sub, fields in entries:
        entry: Object = {
            "manager": who,
            "operation": "Update",
            "apiVersion": group_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        listed.append(entry | ({"subresource": sub} if sub else {}))
    return listed
