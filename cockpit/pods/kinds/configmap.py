"""Config maps (printers.go, printConfigMap): the names of their keys, not what they hold."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from cockpit.model.tone import Tone
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, number
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common


class _Served(Served, frozen=True):
    data: dict[str, Raw] | None = None
    binary_data: dict[str, Raw] | None = None


class ConfigMap(Object, frozen=True, gc=False):
    keys: tuple[str, ...]


class ConfigMapReport(ObjectReport, frozen=True, kw_only=True):
    keys: tuple[str, ...]


def _row(base: dict[str, Any], found: _Served) -> ConfigMap:
    return ConfigMap(**base, keys=tuple(sorted({**(found.data or {}), **(found.binary_data or {})})))


def _report(row: ConfigMap, now: float) -> ConfigMapReport:
    return ConfigMapReport(**common(row, now), keys=row.keys)


CONFIGMAPS: Kind[ConfigMap] = Kind(
    resource="configmaps",
    kind="ConfigMap",
    group_version="v1",
    short=("cm",),
    decode=reader("config map", _Served, _row),
    columns=(NAMESPACE, NAME, number("DATA", lambda r: len(r.keys)), AGE),
    tone=lambda _: Tone.NORMAL,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {' '.join(r.keys)}".lower(),
    sort="namespace",
)
