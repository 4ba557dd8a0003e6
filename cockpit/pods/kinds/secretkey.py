"""The keys of one secret. A row has no value: one is read when it is asked for, shown, and kept nowhere."""

from __future__ import annotations

from cockpit.listing.cells import Cell, Column
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.report import ObjectReport, common
from cockpit.pods.kinds.secret import Secret


class SecretKey(Object, frozen=True, gc=False):
    """`name` is the key, `owner` the secret."""


class SecretKeyReport(ObjectReport, frozen=True, kw_only=True):
    secret: str


def keys_of(secret: Secret) -> tuple[SecretKey, ...]:
    return tuple(
        SecretKey(
            key=f"{secret.key}/{name}",
            source=secret.source,
            namespace=secret.namespace,
            name=name,
            created=secret.created,
            owner_kind="Secret",
            owner=secret.name,
        )
        for name in secret.keys
    )


def report(row: SecretKey, now: float) -> SecretKeyReport:
    return SecretKeyReport(**common(row, now), secret=row.owner)


COLUMNS: tuple[Column[SecretKey], ...] = (
    Column("name", "KEY", 40, lambda r, _: Cell(r.name), lambda r: r.name, least=12),
    Column("value", "VALUE", 8, lambda _, __: Cell("hidden"), lambda r: r.name),
)
