"""A pane without a screen: what the terminal draws, the snapshot reports and the command line acts on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from msgspec import Struct

from cockpit.feeds.feed import Feed
from cockpit.listing.cells import Column
from cockpit.listing.views import View
from cockpit.model.changes import T
from cockpit.model.moment import Moment
from cockpit.model.tone import Tone
from cockpit.pods.logs.view import LogView
from cockpit.tasks.action import Action, Target
from cockpit.tasks.terminal import Lend


def _no_moments(_: Iterable[object], __: float) -> Iterable[Moment]:
    return ()


def _no_notes() -> Sequence[str]:
    return ()


def _no_logins() -> Sequence[Login]:
    return ()


def _never(_: object) -> bool:
    return False


def _always(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Drill(Generic[T]):
    """A table inside a row: the units of a host. Its feed runs while the table is open, and only then."""

    id: str
    """"fleet.units": the binding id, and the word after `:`."""
    title: str
    key: str
    open: Callable[[T], Pane[Any]]
    """A new pane for this item, whose feed has not been run yet. No I/O."""
    disabled: Callable[[T], str | None] = _always
    """Why it cannot be opened for this item, or None."""
    commands: tuple[tuple[str, str, str], ...] = ()
    """(id, keys, title) of the views and actions of the panes it opens: `[keys]` may name them before any is open."""

    @property
    def name(self) -> str:
        """The `name` of the panes it opens: "units"."""
        return self.id.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Opening:
    """A table that needs no row: all deployments. Its feed runs while the table is open, and only then."""

    id: str
    """"open.deployments": the binding id, which has no key unless `[keys]` gives it one."""
    title: str
    names: tuple[str, ...]
    """Words after `:`, the one to show first: "deployments", "deployment", "deploy"."""
    open: Callable[[], Pane[Any]]
    """A new pane whose feed has not been run yet. No I/O."""
    commands: tuple[tuple[str, str, str], ...] = ()
    """As those of a drill."""

    @property
    def name(self) -> str:
        """The `name` of the panes it opens: "deployments"."""
        return self.id.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Facet(Generic[T]):
    """What the rows of a pane can be narrowed to one value of: their context, their namespace."""

    name: str
    """"namespace": the word after `:`."""
    short: str
    """"ns": the word in the title, and another one after `:`."""
    value: Callable[[T], str]
    known: Callable[[], Sequence[tuple[str, str]]]
    """(value, a few words about it) of those there are. At once: nothing is asked of any source."""
    sign: str = ""
    """Before a value that follows an opening: `:deployments shop` and `:deployments @prod`."""
    is_source: bool = False
    """Its values name sources: narrowed to one, the pane shows the health of that one."""
    elsewhere: Callable[[str], Awaitable[Pane[Any]]] | None = None
    """A pane for a value that is not among the known ones. Raises model.errors."""


@dataclass(frozen=True, slots=True)
class Login:
    """What a source waits for that only the person can do, on the terminal."""

    source: str
    run: Callable[[Lend], Awaitable[None]]
    """Raises model.errors."""


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
    drills: tuple[Drill[T], ...] = ()
    logs: tuple[LogView[T], ...] = ()
    enter: str = ""
    """Id of the view or drill that enter opens; empty: the logs, else the first view, else the first drill."""
    openings: tuple[Opening, ...] = ()
    find: Callable[[str], Awaitable[Pane[Any]]] | None = None
    """The table for a word after `:` that nothing else answers to (a kind that only the server knows). Raises
    model.errors, which name the nearest."""
    facets: tuple[Facet[T], ...] = ()
    select: Callable[[str], None] | None = None
    """Let the sources send only what has these labels ("app=web,tier!=db"); empty: all. What they refuse is in the
    feed's health, and the rows stay."""
    tone: Callable[[T], Tone] | None = None
    """What an item means for the one on call: "faults only" shows those that are BAD or WARN."""
    logins: Callable[[], Sequence[Login]] = _no_logins
    """What its sources wait for right now."""
    moments: Callable[[Iterable[T], float], Iterable[Moment]] = _no_moments
    """(items, since in Unix seconds) -> what happened to them since then."""
    pending: Callable[[T], bool] = _never
    """Listed but not read yet (a host still being connected to): a report waits for it."""
    notes: Callable[[], Sequence[str]] = _no_notes
    """Lines that the pane shows while all is well: what the configuration says ("read directly, without a Prometheus"),
    what was left out when it was read."""
    production: frozenset[str] = frozenset()
    """Sources marked `production = true`: the pane wears a PROD badge."""
    read_only: bool = False
    """All its sources are: its actions are not bound at all."""
