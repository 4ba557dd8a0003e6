"""`metadata.managedFields`: who last set which field (structured-merge-diff, as far as lists with one merge key go).

Sets of fields are trees in the form of FieldsV1: `f:NAME` a field, `k:{"KEY":"VALUE"}` an item of a keyed list, an
empty tree a leaf. The status is its writer's as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.patch import MERGE_KEYS

_UNOWNED = frozenset(
    (
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
        "name",
        "namespace",
        "generation",
    )
)
_OUTSIDE = frozenset(("kind", "apiVersion", "status"))


def _named(key: str, item: Object) -> str:
    return f'k:{{"{key}":{msgspec.json.encode(item[key]).decode()}}}'


def _keyed(value: Any, field: str) -> dict[str, Object] | None:
    """The items of a keyed list by their names, None for any other value."""
    key = MERGE_KEYS.get(field)
    if key is None or not isinstance(value, list):
        return None
    return {_named(key, item): item for item in value if isinstance(item, dict) and key in item}


def _fields(value: Any, field: str) -> Object:
    if isinstance(value, dict):
        return {f"f:{key}": _fields(item, key) for key, item in value.items()}
    items = _keyed(value, field)
    if items is None:
        return {}
    return {name: {".": {}} | {f"f:{k}": _fields(v, k) for k, v in item.items()} for name, item in items.items()}


def _own(item: Object) -> Object:
    """What of an object can be owned beside its status."""
    kept = {key: value for key, value in item.items() if key not in _OUTSIDE}
    metadata = {key: value for key, value in item.get("metadata", {}).items() if key not in _UNOWNED}
    kept.pop("metadata", None)
    return kept | ({"metadata": metadata} if metadata else {})


def fields_of(item: Object) -> Object:
    """The tree of all that an object or an applied configuration says."""
    return _fields(_own(item), "")


def changed(before: Object, after: Object) -> Object:
    """The tree of what is new or different in `after`."""
    return _changed(_own(before), _own(after), "") or {}


def _changed(before: Any, after: Any, field: str) -> Object | None:
    """None for no difference."""
    if before == after:
        return None
    if isinstance(before, dict) and isinstance(after, dict):
        held, now = {f"f:{k}": (v, k) for k, v in before.items()}, {f"f:{k}": (v, k) for k, v in after.items()}
    else:
        old, new = _keyed(before, field), _keyed(after, field)
        if old is None or new is None:
            return _fields(after, field)
        held, now = {k: (v, "") for k, v in old.items()}, {k: (v, "") for k, v in new.items()}
    tree: Object = {}
    for name, (value, of) in now.items():
        if name not in held:
            tree[name] = _fields(value, of)
        elif (found := _changed(held[name][0], value, of)) is not None:
            tree[name] = found
    return tree or None


def without(tree: Object, other: Object) -> Object:
    """A tree less the leaves of another."""
    left: Object = {}
    for name, below in tree.items():
        if name not in other:
            left[name] = below
        elif below and (rest := without(below, other[name])) and rest != {".": {}}:
            left[name] = rest
    return left


def within(tree: Object, other: Object) -> Object:
    """What of a tree is in another too."""
    return {name: within(below, other[name]) for name, below in tree.items() if name in other}


def joined(tree: Object, other: Object) -> Object:
    return {**tree, **{name: joined(tree.get(name, {}), below) for name, below in other.items()}}


def common(tree: Object, other: Object, path: str = "") -> Iterator[str]:
    """The paths, as messages spell them, of the leaves that two trees share."""
    for name, below in tree.items():
        if name == "." or name not in other:
            continue
        if name.startswith("k:"):
            ((key, value),) = msgspec.json.decode(name[2:]).items()
            step = f"{path}[{key}={msgspec.json.encode(value).decode()}]"
        else:
            step = f"{path}.{name[2:]}"
        if not below or not other[name]:
            yield step
        else:
            yield from common(below, other[name], step)


def pruned(value: Any, tree: Object, field: str = "") -> Any:
    """A value without the leaves of a tree."""
    if isinstance(value, dict):
        left = {}
        for key, held in value.items():
            below = tree.get(f"f:{key}")
            if below is None:
                left[key] = held
            elif below and (rest := pruned(held, below, key)):  # what is emptied goes too
                left[key] = rest
        return left
    key_name = MERGE_KEYS.get(field)
    if not isinstance(value, list) or key_name is None:
        return value
    kept = []
    for item in value:
        below = tree.get(_named(key_name, item)) if isinstance(item, dict) and key_name in item else None
        if below is None:
            kept.append(item)
        elif "." not in below:  # only some of its fields go
            kept.append(pruned(item, below))
    return kept


def _entry(manager: str, operation: str, group_version: str, time: str, fields: Object, sub: str = "") -> Object:
    entry: Object = {
        "manager": manager,
        "operation": operation,
        "apiVersion": group_version,
        "time": time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return entry | ({"subresource": sub} if sub else {})


def _is(entry: Object, manager: str, operation: str) -> bool:
    return bool(entry["manager"] == manager and entry["operation"] == operation and "subresource" not in entry)


def applied_before(item: Object, manager: str) -> Object:
    """The fields of a manager's last apply."""
    entries = item["metadata"].get("managedFields") or ()
    found = next((entry for entry in entries if _is(entry, manager, "Apply")), None)
    return found["fieldsV1"] if found is not None else {}


def others(item: Object, manager: str) -> list[Object]:
    """The entries that an apply of a manager may collide with."""
    entries = item["metadata"].get("managedFields") or ()
    return [e for e in entries if "subresource" not in e and not _is(e, manager, "Apply")]


def managed_fields(
    item: Object,
    group_version: str,
    *,
    manager: str,
    time: str,
    before: Object | None = None,
    applied: Object | None = None,
) -> list[Object]:
    """The entries of an object as it is now. `applied`: the tree of the configuration, where an apply wrote it."""
    operation = "Update" if applied is None else "Apply"
    entries: list[Object]
    if before is None:
        entries = [_entry(manager, operation, group_version, time, fields_of(item) if applied is None else applied)]
    else:
        entries = _moved(before, item, group_version, manager, operation, time, applied)
    if item.get("status"):
        writer = "kubelet" if "containerStatuses" in item["status"] else "kube-controller-manager"
        status = {"f:status": _fields(item["status"], "")}
        entries.append(_entry(writer, "Update", group_version, time, status, "status"))
    return entries


def _moved(
    before: Object,
    item: Object,
    group_version: str,
    manager: str,
    operation: str,
    time: str,
    applied: Object | None,
) -> list[Object]:
    """What a write has changed is its manager's from now on; an apply owns all that it names, with others or alone."""
    entries: Sequence[Object] = before["metadata"].get("managedFields") or ()
    entries = [entry for entry in entries if "subresource" not in entry]
    different = changed(before, item)
    if applied is None and not different and _own(before) == _own(item):
        return entries
    everything = fields_of(item)
    left = []
    mine: Object = {}
    for entry in entries:
        if _is(entry, manager, operation):
            mine = within(entry["fieldsV1"], everything)
        elif fields := within(without(entry["fieldsV1"], different), everything):
            left.append(entry | {"fieldsV1": fields})
    mine = joined(mine, different) if applied is None else applied
    return [*left, _entry(manager, operation, group_version, time, mine)] if mine else left
