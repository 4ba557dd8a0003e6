"""The four patches of the API: JSON merge (RFC 7386), JSON patch (RFC 6902), strategic merge, and apply.

Strategic merge knows the list keys of pods and workloads (the `patchMergeKey` tags of k8s.io/api), `$patch` and
`$deleteFromPrimitiveList`. Apply (apply.py) merges in the same way.
"""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from cockpit.demo.kubernetes import protobuf
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.refusals import Refusal, bad_request

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "conditions": "type",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
    "taints": "key",
    "addresses": "type",
}
TYPES = frozenset(
    (
        "application/json",
        "application/yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    )
)
MERGED_SETS = frozenset(("finalizers",))


def _key_of(field: str, items: list[Any]) -> str | None:
    if field == "ports":
        return "containerPort" if all(isinstance(i, dict) and "containerPort" in i for i in items) else "port"
    return MERGE_KEYS.get(field)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null removes, objects merge, all else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Any, patch: Any, field: str = "") -> Any:
    """Strategic merge of `patch` into `target`, where `field` names the place."""
    if isinstance(patch, dict):
        return _strategic_object(target, patch)
    if isinstance(patch, list):
        if field in MERGED_SETS:
            held = target if isinstance(target, list) else []
            return [*held, *(value for value in patch if value not in held)]
        key = _key_of(field, [item for item in patch if isinstance(item, dict) and "$patch" not in item])
        if key is not None:
            return _strategic_list(target if isinstance(target, list) else [], patch, key)
    return copy.deepcopy(patch)


def _strategic_object(target: Any, patch: Object) -> Any:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    retained = patch.get("$retainKeys")
    if isinstance(retained, list):
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            result[field] = [item for item in result.get(field, ()) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = strategic(result.get(key), value, key)
    return result


def _strategic_list(target: list[Any], patch: list[Any], key: str) -> list[Any]:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(i) for i in patch if not (isinstance(i, dict) and i.get("$patch") == "replace")]
    result = list(target)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise bad_request(f"map: {item} does not contain declared merge key: {key}")
        at = next((n for n, held in enumerate(result) if isinstance(held, dict) and held.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(_strategic_object({}, item))
        else:
            result[at] = _strategic_object(result[at], item)
    return result


def _walk(document: Any, pointer: str) -> tuple[Any, str]:
    """The container that holds what a JSON pointer names, and the last step."""
    if not pointer.startswith("/"):
        raise bad_request(f"invalid JSON pointer {pointer!r}")
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]
    for step in steps:
        try:
            document = document[int(step)] if isinstance(document, list) else document[step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Refusal(
                422, "Invalid", f"the server rejected our request due to an error in our request: {pointer}"
            ) from None
    return document, last


def json_patch(target: Any, operations: Any) -> Any:
    """RFC 6902: add, remove, replace, test, copy, move. Raises Refusal when one cannot be done."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document = copy.deepcopy(target)
    for operation in operations:
        if not isinstance(operation, dict) or not {"op", "path"} <= operation.keys():
            raise bad_request(f"not a JSON patch operation: {operation!r}")
        op, path = operation["op"], operation["path"]
        try:
            value = operation.get("value")
            if op in ("copy", "move"):
                holder, last = _walk(document, operation["from"])
                at: Any = int(last) if isinstance(holder, list) else last
                value = copy.deepcopy(holder[at])
                if op == "move":
                    del holder[at]
            holder, last = _walk(document, path)
            at = last if isinstance(holder, dict) else len(holder) if last == "-" else int(last)
            match op:
                case "add" | "copy" | "move" if isinstance(holder, list):
                    holder.insert(at, value)
                case "add" | "copy" | "move":
                    holder[at] = value
                case "replace":
                    _ = holder[at]
                    holder[at] = value
                case "remove":
                    del holder[at]
                case "test":
                    if holder[at] != value:
                        raise Refusal(422, "Invalid", f"testing value {path} failed")
                case _:
                    raise bad_request(f"unknown JSON patch operation {op!r}")
        except (KeyError, IndexError, ValueError, TypeError):
            raise Refusal(422, "Invalid", f"cannot {op} at {path!r}: there is no such place") from None
    return document


def decode(body: bytes, content_type: str) -> Any:
    """The body of a write. Raises Refusal for what is neither JSON nor (in apply) YAML."""
    if content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(body)
    if content_type not in TYPES:
        raise Refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {content_type}")
    try:
        if content_type.endswith("yaml"):
            import yaml

            try:
                return yaml.safe_load(body)
            except yaml.YAMLError as error:
                raise bad_request(f"the body is no YAML: {error}") from None
        return msgspec.json.decode(body)
    except msgspec.MsgspecError as error:
        raise bad_request(f"the body is no JSON: {error}") from None


def apply(content_type: str, target: Object, patch: Any) -> Any:
    match content_type:
        case "application/json-patch+json":
            return json_patch(target, patch)
        case "application/merge-patch+json":
            return merge(target, patch)
        case "application/strategic-merge-patch+json":
            return strategic(target, patch)
    raise Refusal(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {content_type}")
