"""What every pane has: a title line, a body that comes with the session, and its state in words."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from rich.segment import Segment
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model import clock, health
from cockpit.model.health import Denied, Health, Live, Loading, Stale, Unconfigured
from cockpit.model.scope import Scope
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.tui.keymap import Keymap
from cockpit.tui.lines import Piece, ToneLine
from cockpit.tui.state import PaneState
from cockpit.tui.terminal.bindings import bind_to

if TYPE_CHECKING:
    from cockpit.feeds.feed import Feed
    from cockpit.session.pane import Pane

log = logging.getLogger(__name__)

NOTES = 3
"""Of a pane, shown before the rest is counted."""

STATE_TONES: dict[type, Tone] = {
    Live: Tone.GOOD,
    Loading: Tone.BUSY,
    Stale: Tone.WARN,
    Denied: Tone.BAD,
    Unconfigured: Tone.MUTED,
}


class TitleLine(ToneLine):
    """The upper edge of a pane's border, with the title in it."""

    def __init__(self) -> None:
        super().__init__(classes="title")
        self.heavy = False
        self.edge = "border-blurred"
        """The variable of the theme that colours it."""

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        left, fill, right = ("┏━", "━", "━┓") if self.heavy else ("╭─", "─", "─╮")
        edge = self.style_of(self.edge)
        inside = self.laid_out(max(0, width - 4), fill, self.edge)
        return Strip([Segment(left, edge), *inside, Segment(right, edge)]).crop(0, width)


class PaneFrame(Vertical):
    """A pane on the screen. It follows its feed only while it can be seen."""

    NAME: str
    TITLE: str

    class Wanted(Message):
        """A view or an action of this pane was asked for."""

        def __init__(self, frame: PaneFrame, command_id: str) -> None:
            super().__init__()
            self.frame = frame
            self.command_id = command_id

    class StateChanged(Message):
        """What the title says of the source has changed."""

        def __init__(self, frame: PaneFrame) -> None:
            super().__init__()
            self.frame = frame

    def __init__(self, number: int, state: PaneState, keymap: Keymap) -> None:
        """`number` is the key that goes to it; 0: there is none, for it stands alone."""
        super().__init__(id=f"pane-{self.NAME}", classes="pane")
        self.number = number
        self.saved = state
        self.keymap = keymap
        self.pane: Pane[Any] | None = None
        self.scope = Scope()
        self.wished: dict[str, str] = {}
        """What it is narrowed to once its pane is there."""
        self._following: asyncio.Task[None] | None = None
        self._title = TitleLine()
        self._state_line = ToneLine(classes="state")
        self._said: tuple[type, str] | None = None

    # -- building ------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield self._title
        yield Vertical(classes="body")

    def on_mount(self) -> None:
        self.describe()

    async def adopt(self, pane: Pane[Any]) -> None:
        """The session is there: take its pane."""
        self.pane = pane
        self.set_class(bool(pane.production), "-production")
        self._draw_edge()
        self._state_line.display = False
        await self.query_one(".body").mount(self._state_line)
        await self.build(pane)
        # On the widget itself: its own keys come first in textual, and a pane's key hides a key of the table.
        for widget in self.query(".body > *"):
            if widget.can_focus:
                bind_to(widget, self.keymap.bindings(("pane",), pane.name))
        self.describe()

    def set_current(self, current: bool) -> None:
        """Whether the keys go to this pane."""
        self.set_class(current, "-current")
        self._draw_edge()
        self.describe()

    def _draw_edge(self) -> None:
        production, current = self.has_class("-production"), self.has_class("-current")
        edge = "prod" if production else "border" if current else "border-blurred"
        if (self._title.heavy, self._title.edge) != (production, edge):
            self._title.heavy, self._title.edge = production, edge
            self._title.refresh()

    async def build(self, pane: Pane[Any]) -> None:
        """Mount what shows this pane's items."""
        raise NotImplementedError

    # -- following -----------------------------------------------------------------------------

    def watch_feed(self, seen: bool) -> None:
        """Follow the feed while the pane is seen, and only then."""
        if seen and self.pane is not None and self._following is None:
            self._following = asyncio.create_task(self._follow(self.pane), name=f"pane:{self.NAME}")
        elif not seen and self._following is not None:
            self._following.cancel()
            self._following = None

    @property
    def followed(self) -> bool:
        return self._following is not None

    def on_unmount(self) -> None:
        self.watch_feed(False)

    async def _follow(self, pane: Pane[Any]) -> None:
        changes = cast("AsyncGenerator[Any, None]", pane.feed.follow())
        async with aclosing(changes):
            async for delta in changes:
                try:
                    await self.take(delta)
                except Exception:
                    log.exception("the %s pane could not draw a change", self.NAME)
                if delta.health:
                    self.describe()

    async def take(self, delta: Any) -> None:
        """Bring the body up to a change of the feed."""
        raise NotImplementedError

    def tick(self) -> None:
        """The clock has moved on: ages, of rows and of the state."""
        self.describe()

    # -- what it says --------------------------------------------------------------------------

    def counts(self) -> str:
        """ "6" or "3/6" under a filter."""
        return ""

    def details(self) -> list[Piece]:
        """Filter, sort, marks."""
        return []

    def describe(self) -> None:
        """Say name, counts and state; the lines repaint only what changed."""
        number = f"{self.number} " if self.number else ""
        if self.has_class("-current"):
            left = [Piece(f" {number}{self.TITLE} ", "current"), Piece(" ")]
        else:
            left = [Piece(f" {number}", "key"), Piece(f"{self.TITLE}  ", "bold")]
        if counts := self.counts():
            left.append(Piece(f"{counts} ", "muted"))
        if self.pane is not None and self.pane.production:
            left += [Piece(" PROD ", "badge"), Piece(" ")]
        left += self.details()
        overall = self.health
        self._title.say(left, [Piece(" "), *state_pieces(overall), Piece(" ")])
        self._say_state(overall)
        said = (type(overall), getattr(overall, "why", ""))
        if said != self._said:
            self._said = said
            self.post_message(self.StateChanged(self))

    @property
    def health(self) -> Health:
        """Of the source that is shown, where it is one; else the worst of all."""
        if self.pane is None:
            return Loading(clock.steady())
        return self.pane.feed.health.get(self.source) or self.pane.feed.overall

    @property
    def source(self) -> str:
        """The only source whose items are shown; empty: all of them."""
        return ""

    def _say_state(self, overall: Health) -> None:
        pieces, again = cause_pieces(self.pane.feed, self.source) if self.pane is not None else ([], [])
        if not pieces and self.pane is not None:
            pieces, again = note_pieces(self.pane.notes())
        if self.pane is not None and pieces and self.pane.logins():
            again = [Piece(self.keymap.shown("app.login"), "key"), Piece(" log in · ", "muted"), *again]
        self._state_line.say(pieces, again)
        shown = bool(pieces)
        if self._state_line.display != shown:
            self._state_line.display = shown

    # -- what others ask of it -------------------------------------------------------------------

    def focus_body(self) -> None:
        """Put the focus where the keys of the pane work."""
        raise NotImplementedError

    def chosen(self) -> Sequence[Any]:
        """The marked items, else the one under the cursor."""
        return ()

    def current(self) -> Any | None:
        """The item under the cursor."""
        return None

    def copied(self) -> str:
        """The text that `c` copies."""
        return ""

    def state(self) -> PaneState:
        """How it is left."""
        return self.saved

    def filter_text(self) -> str:
        return self.saved.filter

    def set_filter(self, text: str, *, entered: bool = True) -> None:
        """Show only what matches; what the sources select changes only when it is entered. Raises BadFilter."""
        raise NotImplementedError

    def narrow(self, values: Mapping[str, str]) -> None:
        """Show only one value of a facet of the pane; "all" or empty: all of them."""
        self.wished |= values

    def narrowed(self) -> dict[str, str]:
        """Facet -> the only value that is shown."""
        return {}

    def toggle_faults(self) -> str | None:
        """Show only the rows with a fault, or all again; why that cannot be done, or None."""
        return "this pane has no rows"

    @property
    def faults(self) -> bool:
        """Only the rows with a fault are shown."""
        return False

    def set_scope(self, scope: Scope) -> None:
        self.scope = scope

    def clear_marks(self) -> bool:
        """True when there were some."""
        return False

    def sort_choices(self) -> list[tuple[str, str]]:
        """(column id, title) that the pane can be sorted by."""
        return []

    def set_sort(self, column_id: str, descending: bool | None = None) -> None:
        """Sort by a column; the same one again turns the order round."""

    def reverse(self) -> None:
        """Sort the other way round."""

    def sort_beside(self, by: int) -> None:
        """Sort by a column further right, or left where `by` is negative, around the ends."""

    def toggle_wide(self) -> None:
        """Show more columns, or fewer."""

    def on_click(self, event: events.Click) -> None:
        if event.widget is None or not _focusable(event.widget):
            self.focus_body()

    def run_own(self, command_id: str) -> bool:
        """Do a command that is neither a view nor an action; False when it is not one of this pane's."""
        return False

    def open_current(self) -> None:
        """Enter on an item: what the pane says, else its logs, its first view, its first drill."""
        if self.pane is not None:
            ways = [self.pane.enter] if self.pane.enter else []
            ways += [log.id for log in self.pane.logs]
            ways += [view.id for view in self.pane.views]
            ways += [drill.id for drill in self.pane.drills]
            if ways:
                self.action_run(ways[0])

    def action_run(self, command_id: str) -> None:
        """A key of the pane's own commands, views and actions."""
        if not self.run_own(command_id):
            self.post_message(self.Wanted(self, command_id))


def _focusable(widget: Widget) -> bool:
    return widget.can_focus


QUIET_SECONDS = 30.0


def state_pieces(overall: Health) -> list[Piece]:
    """The state in two words: "● live", "▲ stale 3m"; a live source that has been quiet for long shows its age too."""
    tone = STATE_TONES[type(overall)]
    text = health.state(overall)
    match overall:
        case Live(confirmed=confirmed):
            age = clock.steady() - confirmed
            text += f" {human_duration(age)}" if age >= QUIET_SECONDS else ""
        case Stale(confirmed=float() as confirmed) | Denied(confirmed=float() as confirmed):
            text += f" {human_duration(clock.steady() - confirmed)}"
        case _:
            pass
    return [Piece(f"{GLYPHS[tone]} {text}", tone.value)]


def note_pieces(notes: Sequence[str]) -> tuple[list[Piece], list[Piece]]:
    """The notes of a pane in one line, and how many more there are."""
    if not notes:
        return [], []
    more = len(notes) - NOTES
    return [Piece(" · ".join(notes[:NOTES]))], [Piece(f"+{more} more", "muted")] if more > 0 else []


def cause_pieces(feed: Feed[Any], only: str = "") -> tuple[list[Piece], list[Piece]]:
    """Why the worst source is not live, and when it is tried again, by the wall clock; empty when all is well.

    `only`: of this source, whatever the others do.
    """
    shown = {only: feed.health[only]} if only in feed.health else feed.health
    broken = [(name, state) for name, state in shown.items() if isinstance(state, Stale | Denied)]
    if not broken:
        return [], []
    name, worst = max(broken, key=lambda entry: isinstance(entry[1], Denied))
    again = time.strftime("%H:%M:%S", time.localtime(clock.to_wall(worst.retry_at)))
    more = f"+{len(broken) - 1} more · " if len(broken) > 1 else ""
    tone = STATE_TONES[type(worst)]
    said = f"{GLYPHS[tone]} " + ("" if worst.why.startswith(f"{name}:") else f"{name}: ") + worst.why
    return [Piece(said, tone.value)], [Piece(f"{more}next try {again}", "muted")]
