"""The screen with the panes: which are seen, which one has the keys, what is typed into the last line."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import ModalScreen

from cockpit.listing.filter import BadFilter
from cockpit.model import health
from cockpit.model.scope import Scope
from cockpit.model.tone import GLYPHS
from cockpit.tui.header import Header
from cockpit.tui.lines import Piece, ToneLine
from cockpit.tui.panes.frame import STATE_TONES, PaneFrame
from cockpit.tui.state import Layout
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.terminal.compositor import CellScreen

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tui.app import Cockpit
    from cockpit.tui.commands import Offer
    from cockpit.tui.deeds import Deeds
    from cockpit.tui.prompt import Prompt

log = logging.getLogger(__name__)

WIDE_COLUMNS = 120
"""From here on all panes are seen at once."""
CLOCK_SECONDS = 10.0
PIECES_OF_A_TAB = 2


class Tabs(ToneLine):
    """The panes in the line below, where only one pane is seen. A click goes there."""

    DEFAULT_CSS = "Tabs { background: $panel; }"

    def on_click(self, event: events.Click) -> None:
        edge = 0
        for number, piece in enumerate(self.left):
            edge += cell_len(piece.text)
            if event.x < edge:
                cast("MainScreen", self.screen).go_to(number // PIECES_OF_A_TAB)
                return


class MainScreen(CellScreen[None]):
    """Panes side by side from 120 columns on, else one with tabs below."""

    BINDINGS: ClassVar[list[BindingType]] = []
    AUTO_FOCUS = None

    def __init__(self, frames: Sequence[PaneFrame], layout: Layout) -> None:
        super().__init__(id="main")
        self.frames = list(frames)
        self.current = next((f for f in self.frames if layout.current == f.NAME), self.frames[0])
        self.zoomed = layout.zoomed
        self.scope = Scope()
        self.session: Session | None = None
        self.deeds: Deeds | None = None
        self.prompt: Prompt | None = None
        self._before_filter = ""
        self._escaped = False
        self._tabs = Tabs(id="tabs")
        self._header = Header(id="header")
        self._hints = ToneLine(id="hints")

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield self._header
        with Container(id="panes"):
            yield from self.frames
        yield self._tabs
        yield self._hints

    def on_mount(self) -> None:
        bind_to(self, self.cockpit.keymap.bindings(("main",)))
        self.set_interval(CLOCK_SECONDS, self._tick)
        self._arrange()
        self.tell()

    async def adopt(self, session: Session) -> None:
        """The session is there: give each pane its own."""
        from cockpit.tui.deeds import Deeds
        from cockpit.tui.prompt import Prompt

        self.session = session
        self.deeds = Deeds(self.cockpit, session)
        self.prompt = Prompt()
        await self.mount(self.prompt)
        for frame in self.frames:
            await frame.adopt(session.panes[frame.NAME])
        self._arrange()
        if not self.prompt.display:
            self.current.focus_body()
        self.tell()

    # -- what is seen --------------------------------------------------------------------------

    @property
    def single(self) -> bool:
        """Only the current pane is seen."""
        return self.zoomed or self.app.size.width < WIDE_COLUMNS

    def _arrange(self) -> None:
        single = self.single
        self.set_class(single, "-single")
        above = self.app.screen_stack[self.app.screen_stack.index(self) + 1 :]
        covered = any(not isinstance(screen, ModalScreen) for screen in above)
        for frame in self.frames:
            seen = not single or frame is self.current
            frame.display = seen
            frame.set_current(frame is self.current)
            frame.watch_feed(seen and not covered)
        self._tell_tabs()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange()
        self._tell_hints()

    def on_screen_suspend(self) -> None:
        self._arrange()

    def on_screen_resume(self) -> None:
        self._arrange()

    def go(self, frame: PaneFrame) -> None:
        """Make it the current pane."""
        self.current = frame
        self._arrange()
        frame.focus_body()
        self._tell_hints()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        frame = next((f for f in event.widget.ancestors_with_self if isinstance(f, PaneFrame)), None)
        if frame is not None and frame is not self.current:
            self.go(frame)

    # -- what is said --------------------------------------------------------------------------

    def _tick(self) -> None:
        for frame in self.frames:
            frame.tick()
        self.tell()

    def tell(self) -> None:
        """Say anew what the lines around the panes say."""
        session, keymap = self.session, self.cockpit.keymap
        self._header.tell(
            alerts=None if session is None else session.alerts,
            running=self.cockpit.running,
            scope=self.scope,
            read_only=keymap.read_only,
            keys={name: keymap.shown(f"app.{name}") for name in ("alerts", "tasks", "back")},
        )
        self._tell_tabs()
        self._tell_hints()

    def _tell_tabs(self) -> None:
        pieces: list[Piece] = []
        for frame in self.frames:
            tone = STATE_TONES[type(frame.health)]
            look = "current" if frame is self.current else "bold"
            pieces += [Piece(f" {frame.number} {frame.TITLE} ", look), Piece(f"{GLYPHS[tone]}  ", tone.value)]
        self._tabs.say(pieces)

    def _tell_hints(self) -> None:
        keymap = self.cockpit.keymap
        own = [c for c in keymap.commands(self.current.NAME) if c.place == "pane"][:6]
        pieces = [Piece(" ")]
        for command in own:
            pieces += [Piece(keymap.shown(command.id), "key"), Piece(f" {command.title.lower()}  ", "muted")]
        right: list[Piece] = []
        words = ("filter", "command", "palette", "help") if self.app.size.width >= WIDE_COLUMNS else ("command", "help")
        for name in words:
            right += [Piece(keymap.shown(f"app.{name}"), "key"), Piece(f" {name}  ", "muted")]
        self._hints.say(pieces, right)

    @on(PaneFrame.StateChanged)
    def _state_changed(self, event: PaneFrame.StateChanged) -> None:
        self._tell_tabs()
        self.cockpit.pane_state(event.frame.TITLE, health.state(event.frame.health))

    # -- the last line -------------------------------------------------------------------------

    def action_filter(self) -> None:
        self._before_filter = self.current.filter_text()
        self._open("filter", f"{self.current.TITLE} /", self._before_filter)

    def action_command(self, text: str = "") -> None:
        self._open("command", ":", text)

    def _open(self, mode: str, sign: str, text: str) -> None:
        if self.prompt is None:
            return
        from cockpit.tui import commands

        complete = (lambda typed: commands.complete(typed, self.offered())) if mode == "command" else None
        self.prompt.open(mode, sign, text, complete)

    def _close(self) -> None:
        if self.prompt is not None:
            self.prompt.close()
        self.current.focus_body()

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if event.mode == "filter":
            event.prompt.complain(self.filter_by(event.text) or "")

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        from cockpit.tui import commands

        if event.mode == "filter":
            why = self.filter_by(event.text)
        else:
            event.prompt.mode = ""
            why = commands.run(event.text, self)
        if why:
            event.prompt.mode = event.mode
            event.prompt.complain(why)
        elif not event.prompt.mode or event.mode == "filter":
            self._close()

    def on_prompt_closed(self, event: Prompt.Closed) -> None:
        if event.mode == "filter":
            self.current.set_filter(self._before_filter)
        self._close()

    def offered(self) -> list[Offer]:
        """What can be typed after `:` or found in the palette, here and now."""
        from cockpit.tui import commands

        return commands.offers(self)

    # -- keys ----------------------------------------------------------------------------------

    def go_to(self, place: int) -> None:
        """The pane of that place, counted from 0."""
        if place < len(self.frames):
            self.go(self.frames[place])

    def action_pane(self, number: int) -> None:
        self.go_to(number - 1)

    def action_next(self, by: int = 1) -> None:
        self.go(self.frames[(self.frames.index(self.current) + by) % len(self.frames)])

    def action_previous(self) -> None:
        self.action_next(-1)

    def action_zoom(self) -> None:
        self.zoomed = not self.zoomed
        self._arrange()
        self.current.focus_body()

    def action_back(self) -> None:
        """One thing at a time, the nearest first; a second press in a row clears the scope."""
        if self.current.clear_marks():
            pass
        elif self.current.filter_text():
            self.current.set_filter("")
        elif self.zoomed:
            self.action_zoom()
        elif self.scope.text:
            if self._escaped:
                self.set_scope("")
            else:
                self._escaped = True
                self.app.notify(f"{self.cockpit.keymap.shown('app.back')} again clears the scope", timeout=3)
                return
        self._escaped = False

    def on_key(self, event: events.Key) -> None:
        if event.key not in self.cockpit.keymap.keys("app.back"):
            self._escaped = False

    def set_scope(self, text: str) -> None:
        """Narrow all panes; empty: widen them again."""
        self.scope = Scope(text)
        for frame in self.frames:
            frame.set_scope(self.scope)
        self.tell()

    def action_scope(self) -> None:
        item, pane = self.current.current(), self.current.pane
        if item is None or pane is None:
            self.app.notify("no row to take the name of")
        else:
            self.set_scope(pane.subject(item))

    def action_sort(self) -> None:
        if self.current.sort_choices():
            self.action_command("sort ")

    def sort_by(self, column_id: str) -> str | None:
        """`:sort COLUMN`; why not, or None."""
        known = [name for name, _ in self.current.sort_choices()]
        if column_id not in known:
            return f"sort by one of: {', '.join(known)}" if known else "this pane has no columns to sort by"
        self.current.set_sort(column_id)
        return None

    def scope_to(self, text: str) -> None:
        """`:scope NAME`; without a name it is cleared."""
        self.set_scope(text)

    def filter_by(self, text: str) -> str | None:
        """`:filter TEXT`; why not, or None."""
        try:
            self.current.set_filter(text)
        except BadFilter as error:
            return str(error)
        return None

    def action_reverse(self) -> None:
        self.current.reverse()

    def action_wide(self) -> None:
        self.current.toggle_wide()

    def action_retry(self) -> None:
        if self.session is not None:
            for pane in self.session.panes.values():
                pane.feed.retry()
            self.session.alerts.retry()
            self.app.notify("reading the sources again", timeout=2)

    def action_copy(self) -> None:
        text = self.current.copied()
        if text:
            self.cockpit.copy(text)
        else:
            self.app.notify("nothing to copy")

    def action_quit(self) -> None:
        self.cockpit.ask_quit()

    def action_palette(self) -> None:
        from cockpit.tui import commands
        from cockpit.tui.work import begin

        begin(self, partial(commands.palette, self), group="dialog")

    def action_help(self) -> None:
        from cockpit.tui import commands

        self.app.push_screen(commands.help_screen(self))

    def action_tasks(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.tasks import TasksScreen

            self.app.push_screen(TasksScreen(self.session.tasks))

    def action_alerts(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.alerts import AlertsScreen

            self.app.push_screen(AlertsScreen(self.session.alerts))

    def action_history(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.history import HistoryScreen

            self.app.push_screen(HistoryScreen(self.session))

    # -- a pane's own views and actions ----------------------------------------------------------

    def action_run(self, command_id: str) -> None:
        """A key of the current pane's own."""
        self.current.action_run(command_id)

    @on(PaneFrame.Wanted)
    def _wanted(self, event: PaneFrame.Wanted) -> None:
        from cockpit.tui.work import begin

        if self.deeds is not None:
            begin(self, partial(self.deeds.run, event.command_id, event.frame), group="dialog")
