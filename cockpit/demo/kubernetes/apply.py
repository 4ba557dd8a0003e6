"""Server-side apply: a configuration merged in, fields of others defended, own fields that it names no more removed."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes import managed, patch
from cockpit.demo.kubernetes.kinds import Kind, Object
from cockpit.demo.kubernetes.refusals import Refusal, bad_request

_NOT_APPLIED = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")


def configuration(kind: Kind, sent: Any) -> Object:
    """What is applied, without what the server sets. Raises Refusal (400)."""
    if not isinstance(sent, dict) or sent.get("kind") != kind.kind or sent.get("apiVersion") != kind.group_version:
        raise bad_request(f"an applied configuration names its apiVersion and kind ({kind.group_version} {kind.kind})")
    metadata = sent.get("metadata")
    if not isinstance(metadata, dict):
        raise bad_request("metadata is no object")
    if metadata.get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    kept = {key: value for key, value in sent.items() if key not in ("kind", "apiVersion", "status")}
    kept["metadata"] = {key: value for key, value in metadata.items() if key not in _NOT_APPLIED}
    return kept


def merged(live: Object, config: Object, *, manager: str, force: bool) -> Object:
    """The object after the apply. Raises Refusal (409) for fields that are another's, unless `force`."""
    wanted = patch.strategic(live, config)
    different = managed.changed(live, wanted)
    causes: list[Object] = []
    told: list[str] = []
    for entry in managed.others(live, manager):
        paths = sorted(managed.common(different, entry["fieldsV1"]))
        who = f'conflict with "{entry["manager"]}" using {entry["apiVersion"]}'
        causes += [{"reason": "FieldManagerConflict", "message": who, "field": path} for path in paths]
        if len(paths) == 1:
            told.append(f"{who}: {paths[0]}")
        elif paths:
            told.append(f"{who.replace('conflict', 'conflicts', 1)}:\n" + "\n".join(f"- {path}" for path in paths))
    if causes and not force:
        count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
        raise Refusal(409, "Conflict", f"Apply failed with {count}: {'; '.join(told)}", details={"causes": causes})
    gone = managed.without(managed.applied_before(live, manager), managed.fields_of(config))
    for entry in managed.others(live, manager):
        gone = managed.without(gone, entry["fieldsV1"])
    result: Object = managed.pruned(wanted, gone)
    return result
