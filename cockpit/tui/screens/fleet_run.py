"""A command on many hosts, on its way or past: host by host, grouped by output, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, cast

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container

from cockpit.fleet.results.groups import group
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.watched import KeptRun, Watched
from cockpit.model.changes import Delta
from cockpit.session.fleet import FleetPane
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.prompt import Prompt
from cockpit.tui.runs import head
from cockpit.tui.runs.beside import BesideView
from cockpit.tui.runs.groups import GroupsView
from cockpit.tui.runs.hosts import HostsView
from cockpit.tui.runs.view import RunView
from cockpit.tui.screens.fleet_run_keys import ENDS, RunKeys
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.widgets.span_lines import SpanLines
from cockpit.tui.widgets.table_box import TableBox
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from textual.widget import Widget

    from cockpit.session.session import Session

TICK_SECONDS = 1.0


class RunScreen(RunKeys):
    """Leaving it leaves the run alone: the tasks drawer and the past runs lead back."""

    CSS_PATH = "screens.tcss"

    def __init__(self, session: Session, watched: Watched) -> None:
        super().__init__()
        self.session = session
        self.watched = watched
        self.task_id = watched.id
        self.hosts = HostsView()
        self.view: RunView = self.hosts
        self._views: dict[int, RunView] = {1: self.hosts}
        self._title = ToneLine(classes="screen-head")
        self._counts = ToneLine(classes="screen-head")
        self._trouble = ToneLine(classes="screen-state")
        self._tabs = ToneLine(classes="screen-tabs")
        self._hints = ToneLine(classes="screen-hints")
        self._over = False

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._counts
        yield self._trouble
        yield self._tabs
        with Container(id="views"):
            yield self.hosts
        yield self._hints
        self.prompt = Prompt()
        yield self.prompt

    def on_mount(self) -> None:
        keymap = self.cockpit.keymap
        here = [b for b in keymap.bindings(("main",)) if hasattr(self, f"action_{b.action}")]
        bind_to(self, [*here, *keymap.bindings(("run",))])
        self._trouble.display = False
        self.hosts.focus_body()
        self.tell()
        self._tell_hints()
        self._ticking = self.set_interval(TICK_SECONDS, self._tick)
        begin(self, self._follow, group="follow", exclusive=True)

    # -- following ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        changes = cast("AsyncGenerator[Delta[HostRow], None]", self.watched.follow())
        async with aclosing(changes):
            async for delta in changes:
                await self._take(delta)
        self._ticking.stop()

    async def _take(self, delta: Delta[HostRow]) -> None:
        await self.hosts.changed(self.watched.rows, None if delta.reset else delta.upserts)
        if self.view is not self.hosts:
            await self.view.changed(self.watched.rows, delta.upserts)
        if self.watched.state in ENDS:
            self.hosts.widen()
            if not self._over:
                self._over = True
                self._ticking.stop()
                self.hosts.ended()
                self._tell_hints()
        self.tell()

    def _tick(self) -> None:
        self.hosts.widen()
        self.tell()

    # -- what is said ------------------------------------------------------------------------------

    def tell(self) -> None:
        """Say anew what the lines above the view say; they repaint only what changed."""
        keymap = self.cockpit.keymap
        self._title.say(*head.title(self.watched))
        self._counts.say(*head.counts(self.watched.rows.values(), self.watched.hosts))
        why, helps = head.trouble(self.watched, {n: keymap.shown(f"run.{n}") for n in ("pause", "quota", "abort")})
        self._trouble.say(why, helps)
        if self._trouble.display != bool(why):
            self._trouble.display = bool(why)
        self._tell_tabs()

    def on_resize(self, event: events.Resize) -> None:
        self.tell()

    def _tell_tabs(self) -> None:
        pieces: list[Piece] = []
        for number, (name, _) in VIEWS.items():
            look = "current" if self._views.get(number) is self.view else "bold"
            pieces += [Piece(f" {number} {name} ", look), Piece(" ")]
        self._tabs.say([*pieces, Piece(" "), *self.view.details()])

    def _tell_hints(self) -> None:
        shown = self.cockpit.keymap.shown
        running = [("run.pause", "pause"), ("run.abort", "abort")] if self.watched.live is not None else []
        names = [("run.output", "output"), ("run.failures", "failures"), ("run.find", "search all")]
        names += running if not self._over else [("run.rerun", "run again"), ("run.save", "save")]
        words = [(shown(name), word) for name, word in names if not self._why_gone(name)]
        words += [(shown(f"app.{name}"), name) for name in ("back", "filter", "help")]
        self._hints.say(key_hints(words))

    def _why_gone(self, command_id: str) -> bool:
        """Read-only mode has removed it."""
        return all(command.id != command_id for command in self.cockpit.keymap.commands())

    @on(TableBox.Arranged)
    def _arranged(self) -> None:
        self._tell_tabs()

    @on(LiveTable.MarksChanged)
    @on(SpanLines.StatusChanged)
    def _details_changed(self) -> None:
        self._tell_tabs()

    # -- the views ---------------------------------------------------------------------------------

    async def show_view(self, number: int) -> None:
        """Make it the one that is seen."""
        view = self._views.get(number)
        if view is None:
            view = self._views[number] = VIEWS[number][1](self)
            await self.query_one("#views").mount(cast("Widget", view))
        self.view.display = False
        self.view = view
        view.display = True
        await view.changed(self.watched.rows, None)
        view.focus_body()
        self._tell_tabs()

    def action_view(self, number: int) -> None:
        if number in VIEWS and self._views.get(number) is not self.view:
            begin(self, partial(self.show_view, number), group="view")

    def action_failures(self) -> None:
        self.hosts.toggle_failures()
        if self.view is not self.hosts:
            self.action_view(1)

    def action_back(self) -> None:
        if not self.view.back():
            self.dismiss(None)
        self._tell_tabs()

    def compared(self) -> Sequence[str]:
        """The hosts to show side by side: the marked ones, else one of the majority and of each odd group."""
        marked = self.view.chosen() if self.view is not self._views.get(3) else self.hosts.chosen()
        if len(marked) > 1:
            return marked
        lines = [row.result for row in self.watched.rows.values() if row.result is not None]
        different = [one.first.host for one in reversed(group(lines)) if one.digest]
        some = [row.name for row in self.hosts.listing.window(0, 2)]
        return list(dict.fromkeys([*marked, *different, *some]))


async def kept_screen(session: Session, run_id: str) -> RunScreen | None:
    """The screen of a past run; None: nothing is kept of it. Raises model.errors."""
    from cockpit.model import errors

    pane = session.panes.get("fleet")
    if not isinstance(pane, FleetPane):
        return None
    history = pane.roster.past.history
    try:
        kept = await asyncio.to_thread(history.read, run_id)
    except errors.NotFound:
        return None
    return RunScreen(session, KeptRun(history, kept))


VIEWS: dict[int, tuple[str, Callable[[RunScreen], RunView]]] = {
    1: (HostsView.TITLE, lambda screen: screen.hosts),
    2: (GroupsView.TITLE, lambda screen: GroupsView()),
    3: (BesideView.TITLE, BesideView),
}
"""Key -> (name, what makes it for a screen)."""
