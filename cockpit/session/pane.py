"""A pane without a screen: what the terminal draws, the snapshot reports and the command line acts on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic

from msgspec import Struct

from cockpit.feeds.feed import Feed
from cockpit.listing.cells import Column
from cockpit.listing.views import View
from cockpit.model.changes import T
from cockpit.model.moment import Moment
from cockpit.tasks.action import Action, Target


def _no_moments(_: Iterable[object], __: float) -> Iterable[Moment]:
    return ()


def _never(_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane(Generic[T]):
    """One kind of item: where it comes from, how it looks, what can be done."""

    name: str
    """"fleet", "pods", "metrics", "pipelines"."""
    title: str
    feed: Feed[T]
    columns: tuple[Column[T], ...]
    sort: str
    """Id of the column it is first sorted by."""
    descending: bool = False
    report: Callable[[T, float], Struct]
    """(item, now in Unix seconds) -> the item in the snapshot, a typed struct (`<domain>/report.py`)."""
    target: Callable[[T], Target]
    """What an action on the item touches; also tells production and read-only."""
    search: Callable[[T], str]
    """Lower-case text that filters and the scope look into."""
    subject: Callable[[T], str]
    """The name that `*` scopes all panes to."""
    actions: tuple[Action[T], ...] = ()
    views: tuple[View[T], ...] = ()
    moments: Callable[[Iterable[T], float], Iterable[Moment]] = _no_moments
    """(items, since in Unix seconds) -> what happened to them since then."""
    pending: Callable[[T], bool] = _never
    """Listed but not read yet (a host still being connected to): a report waits for it."""
    notes: tuple[str, ...] = ()
    """Lines of the configuration that the pane shows always ("read directly, without a Prometheus")."""
    production: frozenset[str] = frozenset()
    """Sources marked `production = true`: the pane wears a PROD badge."""
    read_only: bool = False
    """All its sources are: its actions are not bound at all."""
