"""Which objects a command means: a kind, names or a selector, in one of the configured clusters."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

import click
from msgspec import Struct

if TYPE_CHECKING:
    from cockpit.config.settings import PodsSource, Settings
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.kinds.kind import AnyKind
    from cockpit.pods.kinds.object import Object

F = TypeVar("F", bound=Callable[..., Any])
READ_SECONDS = 60.0
"""For the objects that are meant, of one cluster."""
NAMED = 5


class Where(Struct, frozen=True):
    """As the options say it; empty: not said."""

    namespace: str = ""
    labels: str = ""
    source: str = ""


def where_options(function: F) -> F:
    """Adds `namespace`, `labels` and `source` to a command."""
    for option in (
        click.option("--context", "source", metavar="SOURCE", default="", help="Of several clusters: its name here."),
        click.option("-l", "--selector", "labels", metavar="LABELS", default="", help="app=web,tier!=cache"),
        click.option("-n", "--namespace", default="", help="Else the namespace of the one that bears the name."),
    ):
        function = option(function)
    return function


def one_source(settings: Settings, name: str) -> PodsSource:
    """Raises errors.Refused where it is not clear which cluster is meant."""
    from cockpit.model import errors

    sources = {source.name: source for source in settings.pods}
    if not sources:
        raise errors.Refused("no cluster is configured; write [[pods]] with name, kubeconfig and context")
    if name and name not in sources:
        raise errors.Refused(f"there is no source {name!r}; there are: {', '.join(sources)}")
    if not name and len(sources) > 1:
        raise errors.Refused(
            f"several clusters are configured; name one with --context, or write SOURCE:NAME: {', '.join(sources)}"
        )
    return sources[name] if name else next(iter(sources.values()))


def with_source(settings: Settings, names: Sequence[str], where: Where) -> tuple[list[str], Where]:
    """SOURCE:NAMESPACE/NAME is a name and its source. Raises errors.Refused where they name different ones."""
    from msgspec.structs import replace

    from cockpit.model import errors

    known = {source.name for source in settings.pods}
    parts = [name.partition(":") if name.partition(":")[0] in known else ("", "", name) for name in names]
    said = dict.fromkeys(filter(None, [where.source, *(source for source, _, _ in parts)]))
    if len(said) > 1:
        raise errors.Refused(f"one cluster at a time; these are {', '.join(said)}")
    return [name for _, _, name in parts], replace(where, source="".join(said))


async def kind_of(cluster: Cluster, word: str) -> AnyKind:
    """Raises errors.NotFound for a word that this cluster does not know."""
    from cockpit.pods.kinds.registry import find

    kind = find(word)
    if kind is not None:
        return kind
    from cockpit.pods.api.discovery import Discovery
    from cockpit.pods.kinds.table import table_kind

    async with cluster.connected() as connection:
        return await table_kind(connection, await Discovery().find(connection, word))


async def chosen(cluster: Cluster, word: str, names: Sequence[str], where: Where) -> tuple[AnyKind, list[Object]]:
    """The kind, and its objects that are meant: each name once, or all that the selector selects.

    Raises errors.Refused for a name that several bear, errors.NotFound for one that none bears.
    """
    from cockpit.model import errors

    if bool(names) == bool(where.labels):
        raise errors.Refused("write names, or -l with a selector" if not names else "write either names or -l")
    try:
        async with asyncio.timeout(READ_SECONDS), cluster.connected():
            kind = await kind_of(cluster, word)
            if names:
                found = [await _named(cluster, kind, name, where.namespace) for name in dict.fromkeys(names)]
                return kind, list({row.key: row for row in found}.values())
            rows = await listed(cluster, kind, where)
    except TimeoutError as error:
        raise errors.Unreachable(f"{cluster.name}: not read within {READ_SECONDS:.0f} s") from error
    if not rows:
        raise errors.NotFound(f"{cluster.name}: no {kind.resource} with {where.labels}")
    return kind, rows


async def listed(cluster: Cluster, kind: AnyKind, where: Where, fields: str = "") -> list[Object]:
    """All of a kind, or those that are selected, by one list."""
    from cockpit.model.changes import Reset
    from cockpit.pods.watch.adapter import ObjectsAdapter
    from cockpit.pods.watch.selection import Selection

    namespaces = (where.namespace,) if where.namespace and kind.namespaced else ()
    adapter: ObjectsAdapter[Any] = ObjectsAdapter(cluster, kind, Selection(namespaces, where.labels, fields))
    async with aclosing(adapter.watch()) as changes:  # type: ignore[type-var]
        async for change in changes:
            if isinstance(change, Reset):
                return list(change.items)
    return []


async def _named(cluster: Cluster, kind: AnyKind, text: str, namespace: str) -> Object:
    from cockpit.model import errors

    within, slash, name = text.rpartition("/")
    if slash and (not within or "/" in within or not kind.namespaced):
        raise errors.Refused(f"{text!r}: write NAMESPACE/NAME" if kind.namespaced else f"{text!r}: write its NAME")
    namespace = (within or namespace) if kind.namespaced else ""
    if namespace or not kind.namespaced:
        return await _read(cluster, kind, namespace, name)
    found = await listed(cluster, kind, Where(), f"metadata.name={name}")
    if not found:
        raise errors.NotFound(f"{cluster.name}: no {kind.kind.lower()} is called {name}")
    if len(found) > 1:
        paths = ", ".join(row.path for row in found[:NAMED]) + (" and more" if len(found) > NAMED else "")
        raise errors.Refused(f"several are called {name}: {paths}; write NAMESPACE/NAME")
    return found[0]


async def _read(cluster: Cluster, kind: AnyKind, namespace: str, name: str) -> Object:
    from cockpit.pods.api.connection import JSON, TABLE

    accept = TABLE if kind.as_table else JSON
    async with cluster.connected() as connection:
        body = await connection.body(kind.path(namespace, name), accept=accept)
    row: Object = kind.decode(cluster.name, body)[0]
    return row
