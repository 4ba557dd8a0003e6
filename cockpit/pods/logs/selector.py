"""The label selector of an object, as `labelSelector` wants it."""

from __future__ import annotations

from msgspec import Struct, field

from cockpit.model import errors
from cockpit.pods.api.connection import Connection


class _Requirement(Struct, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] | None = None


class _Selector(Struct, frozen=True):
    labels: dict[str, str] | None = field(name="matchLabels", default=None)
    expressions: tuple[_Requirement, ...] | None = field(name="matchExpressions", default=None)


class _Spec(Struct, frozen=True):
    selector: _Selector | None = None


class _Selecting(Struct, frozen=True):
    spec: _Spec | None = None


class _PlainSpec(Struct, frozen=True):
    selector: dict[str, str] | None = None


class _Service(Struct, frozen=True):
    """A service, or a replication controller."""

    spec: _PlainSpec | None = None


async def selector(connection: Connection, path: str, title: str) -> str:
    """Of the object as it is now. Raises errors.Refused for one that selects no pods, and other model.errors."""
    if path.startswith("/api/v1/"):
        plain = (await connection.get(path, _Service)).spec
        parts = _equal(plain.selector if plain is not None else None)
    else:
        spec = (await connection.get(path, _Selecting)).spec
        chosen = (spec.selector if spec is not None else None) or _Selector()
        parts = _equal(chosen.labels) + [_required(one) for one in chosen.expressions or ()]
    if not parts:
        raise errors.Refused(f"{title} selects no pods; name one of what it owns")
    return ",".join(parts)


def _equal(labels: dict[str, str] | None) -> list[str]:
    return [f"{key}={value}" for key, value in (labels or {}).items()]


def _required(one: _Requirement) -> str:
    values = ",".join(one.values or ())
    match one.operator:
        case "In":
            return f"{one.key} in ({values})"
        case "NotIn":
            return f"{one.key} notin ({values})"
        case "Exists":
            return one.key
        case _:
            return f"!{one.key}"
