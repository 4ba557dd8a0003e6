"""Namespaces (printers.go, printNamespace)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Wire
from cockpit.pods.kinds.columns import AGE, NAME, state
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common


class _Status(Wire, frozen=True):
    phase: str = ""


class _Served(Served, frozen=True):
    status: _Status = _Status()


class Namespace(Object, frozen=True, gc=False):
    status: str


class NamespaceReport(ObjectReport, frozen=True, kw_only=True):
    status: str


def tone(row: Namespace) -> Tone:
    """One that terminates for long is stuck on a finalizer."""
    return Tone.GOOD if row.status == "Active" else Tone.WARN


def _row(base: dict[str, Any], found: _Served) -> Namespace:
    return Namespace(**base, status=found.status.phase)


def _report(row: Namespace, now: float) -> NamespaceReport:
    return NamespaceReport(**common(row, now), status=row.status)


NAMESPACES: Kind[Namespace] = Kind(
    resource="namespaces",
    kind="Namespace",
    group_version="v1",
    short=("ns",),
    namespaced=False,
    decode=reader("namespace", _Served, _row),
    columns=(NAME, state("STATUS", 12, lambda r: r.status, tone), AGE),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.name} {r.status}".lower(),
)
