"""Settle once: run the panes' feeds until each source has answered, then keep what they said."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from cockpit.listing.listing import Listing
from cockpit.model import clock, health
from cockpit.model.changes import Delta
from cockpit.model.health import Health
from cockpit.model.scope import Scope
from cockpit.session.pane import Pane
from cockpit.snapshot.model import PaneReport, Panes, Snapshot, SourceReport, State


@dataclass(frozen=True, slots=True)
class Taken:
    """One pane as it was, in the pane's own order."""

    pane: Pane[Any]
    sources: Mapping[str, Health]
    items: Sequence[Any]
    now: float
    """Unix seconds."""
    taken: float
    """The same instant on the steady clock."""

    @property
    def state(self) -> State:
        """The worst of the sources."""
        worst = health.worst(self.sources.values())
        return "unconfigured" if worst is None else _state(worst)


def _state(source: Health) -> State:
    match source:
        case health.Live():
            return "live"
        case health.Denied():
            return "denied"
        case health.Unconfigured():
            return "unconfigured"
        case health.Loading() | health.Stale():
            return "stale"


async def take(
    panes: Mapping[str, Pane[Any]],
    *,
    timeout: float,
    scope: Scope,
    ready: Callable[[Mapping[str, Pane[Any]]], bool] | None = None,
) -> list[Taken]:
    """Read the panes until every source is live, stale or denied, at most `timeout` seconds.

    `ready` is one more condition on the panes to wait for: the demo waits until its services show what they should.
    """
    feeds = asyncio.create_task(_run(panes))
    try:
        await _settle(panes, timeout, ready)
        return [await _keep(pane, scope) for pane in panes.values()]
    finally:
        feeds.cancel()
        await asyncio.gather(feeds, return_exceptions=True)


async def _run(panes: Mapping[str, Pane[Any]]) -> None:
    async with asyncio.TaskGroup() as group:
        for pane in panes.values():
            group.create_task(pane.feed.run())


async def _settle(
    panes: Mapping[str, Pane[Any]], timeout: float, ready: Callable[[Mapping[str, Pane[Any]]], bool] | None
) -> None:
    changed = asyncio.Event()

    async def watch(pane: Pane[Any]) -> None:
        async for _ in pane.feed.follow(period=0.02):
            changed.set()

    def settled() -> bool:
        answered = all(
            not isinstance(source, health.Loading) for pane in panes.values() for source in pane.feed.health.values()
        )
        return (
            answered
            and not any(pane.pending(item) for pane in panes.values() for item in pane.feed.items.values())
            and (ready is None or ready(panes))
        )

    watchers = [asyncio.create_task(watch(pane)) for pane in panes.values()]
    try:
        async with asyncio.timeout(timeout):
            while not settled():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        return
    finally:
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


async def _keep(pane: Pane[Any], scope: Scope) -> Taken:
    listing: Listing[Any] = Listing(pane.columns, pane.sort, descending=pane.descending)
    if scope.text:
        await listing.arrange(listing.sort, listing.descending, lambda item: scope.admits(pane.search(item)))
    sources = dict(pane.feed.health)
    await listing.apply(Delta(reset=True, upserts=dict(pane.feed.items)))
    return Taken(pane, sources, listing.window(0, len(listing)), clock.wall(), clock.steady())


def to_snapshot(taken: Sequence[Taken]) -> Snapshot:
    """The documented JSON of what was taken."""
    at = max((pane.now for pane in taken), default=clock.wall())
    return Snapshot(
        taken_at=datetime.datetime.fromtimestamp(at, tz=datetime.UTC),
        panes=Panes(**{pane.pane.name: _report(pane) for pane in taken}),
    )


def _report(taken: Taken) -> PaneReport[Any]:
    items: list[Struct] = [taken.pane.report(item, taken.now) for item in taken.items]
    return PaneReport(taken.state, [source_report(n, h, taken.taken) for n, h in taken.sources.items()], items)


def source_report(name: str, source: Health, now: float) -> SourceReport:
    """One source with its age in seconds; `now` is on the steady clock."""
    confirmed: float | None = None
    error: str | None = None
    match source:
        case health.Live(confirmed=instant):
            confirmed = instant
        case health.Stale(confirmed=known, why=why) | health.Denied(confirmed=known, why=why):
            confirmed, error = known, why.removeprefix(f"{name}: ")
        case health.Loading(since=since):
            error = f"no answer within {now - since:.0f} s"
        case health.Unconfigured(hint=hint):
            error = hint
    age = None if confirmed is None else round(max(0.0, now - confirmed), 3)
    return SourceReport(name, _state(source), age, error)
