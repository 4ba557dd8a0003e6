"""The value of one key of a secret, when it is asked for. It is never kept, logged or put into a report."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping

import msgspec
from msgspec import Raw

from cockpit.listing.views import View
from cockpit.model import errors
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.paths import object_path
from cockpit.pods.api.wire import Metadata, Wire
from cockpit.pods.kinds.secretkey import SecretKey


class _Secret(Wire, frozen=True):
    metadata: Metadata
    data: dict[str, Raw] | None = None


def key_views(clusters: Mapping[str, Cluster], uid: str) -> tuple[View[SecretKey], ...]:
    """`uid` is the secret's: another one under its name is not shown."""
    return (View("keys.reveal", "Reveal the value", "v", lambda row: reveal(clusters[row.source], row, uid)),)


async def reveal(cluster: Cluster, row: SecretKey, uid: str) -> AsyncIterator[str]:
    """The lines of the value as it is now; base64 where it is no text. Raises `model.errors`, without the value."""
    async with cluster.connected() as connection:
        found = await connection.get(object_path("v1", "secrets", row.namespace, row.owner), _Secret)
    if found.metadata.uid != uid:
        raise errors.NotFound(
            f"{row.source}: secret {row.namespace}/{row.owner} is gone; another one bears its name now"
        )
    held = (found.data or {}).get(row.name)
    if held is None:
        raise errors.NotFound(f"{row.source}: secret {row.namespace}/{row.owner} has no key {row.name} any more")
    for line in value_lines(bytes(held)):
        yield line


def value_lines(held: bytes) -> list[str]:
    """`held` is the JSON string with the base64 of the value."""
    try:
        encoded = msgspec.json.decode(held, type=str)
        value = base64.b64decode(encoded, validate=True)
    except (msgspec.DecodeError, ValueError):
        raise errors.Malformed("the value is not base64") from None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return [f"({len(value)} bytes that are no text; base64:)", encoded]
    return text.splitlines() or ["(empty)"]
