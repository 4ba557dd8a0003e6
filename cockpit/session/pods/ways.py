"""From a pane of objects to others: kinds by name, other contexts; and what its rows can be narrowed to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from cockpit.feeds.adapter import Adapter
from cockpit.feeds.feed import Feed
from cockpit.model import errors, health
from cockpit.pods import discover
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.discovery import Discovery
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.registry import KINDS
from cockpit.pods.kinds.table import table_kind
from cockpit.session.pane import Drill, Facet, Opening, Pane
from cockpit.session.pods.login import logins

OTHERS_SECONDS = 1.5
"""For what other contexts say of a kind, once one of them knows it."""
NAMED = 8
"""Contexts in an error."""

DOWN, UP = ">", "<"
"""Keys from an object to what it owns or selects, and to what owns it."""
DISCOVERY = Discovery()


class Make(Protocol):
    """`objects_pane`."""

    def __call__(
        self, clusters: Mapping[str, Cluster], kind: AnyKind, *, title: str = "", adapters: Sequence[Adapter[Any]] = ()
    ) -> Pane[Any]: ...


@dataclass(frozen=True, slots=True)
class Ways:
    """Where a pane leads, for the clusters it reads."""

    clusters: Mapping[str, Cluster]
    kind: AnyKind
    make: Make
    adapter: Callable[[Cluster, AnyKind], Adapter[Any]]

    def fields(
        self, feed: Feed[Any], drills: Sequence[Drill[Any]], labels: str = "", *, named: bool = False
    ) -> dict[str, Any]:
        """Those of the pane that shows this feed; its adapters select by `labels` whatever the user does.

        `named`: its openings name what the panes offer that they open. Of one pane of a session is enough.
        """
        return {
            "tone": self.kind.tone,
            "logins": lambda: logins(self.clusters),
            "enter": next((drill.id for drill in drills if drill.key == DOWN), ""),
            "openings": self._openings(named=named),
            "find": self.find,
            "facets": self.facets(feed),
            "select": selecting(feed.adapters, labels),
        }

    def _openings(self, *, named: bool) -> tuple[Opening, ...]:
        return tuple(
            Opening(
                f"open.{kind.resource}",
                kind.title,
                (kind.resource, kind.kind.lower(), *kind.short),
                lambda kind=kind: self.make(self.clusters, kind),  # type: ignore[misc]
                _commands(self.make(self.clusters, kind)) if named else (),
            )
            for kind in KINDS.values()
        )

    async def find(self, word: str) -> Pane[Any]:
        """A kind that the servers know. Raises model.errors.

        A context that does not answer is waited for no longer than one that knows the word takes, and shown as it is.
        """
        asked = {name: asyncio.create_task(self._kind(cluster, word)) for name, cluster in self.clusters.items()}
        try:
            waiting = set(asked.values())
            while waiting and not any(task.done() and task.exception() is None for task in asked.values()):
                _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if waiting:
                await asyncio.wait(waiting, timeout=OTHERS_SECONDS)
            failed = {name: task.exception() for name, task in asked.items() if task.done()}
            found = {name: task.result() for name, task in asked.items() if task.done() and failed[name] is None}
        finally:
            for task in asked.values():
                task.cancel()
            await asyncio.gather(*asked.values(), return_exceptions=True)
        if not found:
            unknown = [why for why in failed.values() if isinstance(why, errors.NotFound)]
            raise next(iter([*unknown, *filter(None, failed.values())]), errors.NotFound("no context is configured"))
        kind = next(iter(found.values()))
        read = {name: cluster for name, cluster in self.clusters.items() if not _says_no(failed.get(name))}
        adapters = [self.adapter(cluster, found.get(name, kind)) for name, cluster in read.items()]
        return self.make(read, kind, adapters=adapters)

    async def _kind(self, cluster: Cluster, word: str) -> AnyKind:
        async with cluster.connected() as connection:
            resource = await DISCOVERY.find(connection, word)
            known = KINDS.get(resource.resource)
            if known is not None and known.group_version == resource.group_version:
                return known
            return await table_kind(connection, resource)

    async def elsewhere(self, context: str) -> Pane[Any]:
        """The same kind in a context of the kubeconfig that the configuration does not name. Raises errors.NotFound."""
        sources = await asyncio.to_thread(discover.sources)
        source = next((source for source in sources if source.name == context), None)
        if source is None:
            names = list(dict.fromkeys([*self.clusters, *(source.name for source in sources)]))
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            raise errors.NotFound(f"no context {context!r}; there are {', '.join(names[:NAMED])}{more}")
        source = replace(source, note=f"context {context} of {source.kubeconfig}; it is not in the configuration")
        return self.make({context: Cluster(source)}, self.kind, title=f"{self.kind.title} · {context}")

    def facets(self, feed: Feed[Any]) -> tuple[Facet[Any], ...]:
        """Contexts, with what is known of their health, and namespaces with their rows."""
        contexts: Facet[Any] = Facet(
            "context",
            "ctx",
            lambda row: row.source,
            lambda: [(name, _word(state)) for name, state in feed.health.items()],
            sign="@",
            is_source=True,
            elsewhere=self.elsewhere,
        )
        if not self.kind.namespaced:
            return (contexts,)

        def namespaces() -> list[tuple[str, str]]:
            count = Counter(row.namespace for row in feed.items.values())
            return [(name, f"{rows} {self.kind.resource}") for name, rows in sorted(count.items())]

        return contexts, Facet("namespace", "ns", lambda row: row.namespace, namespaces)


def _commands(pane: Pane[Any]) -> tuple[tuple[str, str, str], ...]:
    every: tuple[Any, ...] = (*pane.logs, *pane.views, *pane.drills, *pane.actions)
    return tuple((each.id, each.key, each.title) for each in every)


def selecting(adapters: Sequence[Any], labels: str) -> Callable[[str], None] | None:
    """What tells these adapters to select by labels, beside those by which they select anyway."""
    if not adapters or not all(hasattr(adapter, "select") for adapter in adapters):
        return None

    def select(wanted: str) -> None:
        for adapter in adapters:
            adapter.select(",".join(filter(None, (labels, wanted))))

    return select


def _says_no(why: BaseException | None) -> bool:
    return isinstance(why, errors.NotFound)


def _word(state: health.Health) -> str:
    why = getattr(state, "why", "")
    return f"{health.state(state)}: {why}" if why else health.state(state)
