"""Secrets (printers.go, printSecret): the names of their keys. A row never holds a value."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from cockpit.model.tone import Tone
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, number, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common


class _Served(Served, frozen=True):
    type: str = ""
    data: dict[str, Raw] | None = None
    """The values stay bytes of the answer and are dropped with it."""


class Secret(Object, frozen=True, gc=False):
    type: str
    keys: tuple[str, ...]


class SecretReport(ObjectReport, frozen=True, kw_only=True):
    type: str
    keys: tuple[str, ...]


def _row(base: dict[str, Any], found: _Served) -> Secret:
    return Secret(**base, type=found.type, keys=tuple(sorted(found.data or ())))


def _report(row: Secret, now: float) -> SecretReport:
    return SecretReport(**common(row, now), type=row.type, keys=row.keys)


SECRETS: Kind[Secret] = Kind(
    resource="secrets",
    kind="Secret",
    group_version="v1",
    decode=reader("secret", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        words("TYPE", 24, lambda r: r.type, least=8),
        number("DATA", lambda r: len(r.keys)),
        AGE,
    ),
    tone=lambda _: Tone.NORMAL,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.type} {' '.join(r.keys)}".lower(),
    sort="namespace",
)
