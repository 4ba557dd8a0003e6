"""From the bytes of an object to the row of its kind: what all kinds do alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, TypeVar

import msgspec

from cockpit.model import errors
from cockpit.pods.api.wire import Metadata, OwnerReference, Wire
from cockpit.pods.kinds.columns import NONE
from cockpit.pods.kinds.kind import R
from cockpit.pods.kinds.pod.status import unix_seconds


class Served(Wire, frozen=True):
    """Any object; a kind adds what it reads of it."""

    metadata: Metadata


S = TypeVar("S", bound=Served)


class Requirement(Wire, frozen=True):
    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class LabelSelector(Wire, frozen=True):
    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


def reader(
    kind: str, served: type[S], row: Callable[[dict[str, Any], S], R]
) -> Callable[[str, bytes | msgspec.Raw], tuple[R, str]]:
    """A Kind's `decode`. `row` is given the fields of `Object` and the object as served."""
    decoder = msgspec.json.Decoder(served)

    def decode(source: str, data: bytes | msgspec.Raw) -> tuple[R, str]:
        try:
            found = decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"not a {kind}: {error}") from error
        meta = found.metadata
        if not meta.uid:
            raise errors.Malformed(f"a {kind} without uid: {meta.namespace}/{meta.name}")
        return row(fields(source, meta), found), meta.resource_version

    return decode


def fields(source: str, meta: Metadata) -> dict[str, Any]:
    """What every row has, by the names of `Object`."""
    owner = controller(meta)
    return {
        "key": f"{source}/{meta.uid}",
        "source": source,
        "namespace": intern(meta.namespace),
        "name": meta.name,
        "created": unix_seconds(meta.creation_timestamp),
        "owner_kind": intern(owner.kind) if owner else "",
        "owner": intern(owner.name) if owner else "",
    }


def controller(meta: Metadata) -> OwnerReference | None:
    """The one that makes it again."""
    return next((each for each in meta.owner_references or () if each.controller), None)


def labels_text(labels: Mapping[str, str] | None) -> str:
    """ "app=web,tier=front", sorted (apimachinery labels.FormatLabels); empty without any."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items()))


def selector_text(selector: LabelSelector | None) -> str:
    """As kubectl prints it and as the server takes it (metav1.FormatLabelSelector); empty without any."""
    if selector is None:
        return ""
    parts = [(key, f"{key}={value}") for key, value in (selector.match_labels or {}).items()]
    for each in selector.match_expressions or ():
        values = ",".join(sorted(each.values or ()))
        match each.operator:
            case "In":
                text = f"{each.key} in ({values})"
            case "NotIn":
                text = f"{each.key} notin ({values})"
            case "DoesNotExist":
                text = f"!{each.key}"
            case _:
                text = each.key
        parts.append((each.key, text))
    return ",".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def or_none(text: str) -> str:
    return text or NONE
