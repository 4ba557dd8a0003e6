"""An object of a kind that is known by name alone: the owner of a pod that is a custom resource."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE
from cockpit.pods.kinds.kind import AnyKind, Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common


def _row(base: dict[str, Any], _: Served) -> Object:
    return Object(**base)


def anything(kind: str, resource: str, group_version: str, *, namespaced: bool) -> AnyKind:
    """Its metadata is all that is read of it."""
    return Kind(
        resource=resource,
        kind=kind,
        group_version=group_version,
        namespaced=namespaced,
        decode=reader(kind, Served, _row),
        columns=(NAMESPACE, NAME, AGE),
        tone=lambda _: Tone.NORMAL,
        report=lambda row, now: ObjectReport(**common(row, now)),
        search=lambda row: f"{row.source} {row.path}".lower(),
    )
