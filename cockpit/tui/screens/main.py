"""The screen with the panes: which are seen, which one has the keys, what is typed into the last line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import ModalScreen

from cockpit.model import health
from cockpit.model.scope import Scope
from cockpit.model.tone import GLYPHS
from cockpit.tui.header import Header
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.panes.frame import STATE_TONES, PaneFrame
from cockpit.tui.screens.pane_keys import PaneKeys
from cockpit.tui.state import Layout
from cockpit.tui.terminal.bindings import bind_to

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tui.offer import Offer

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


class MainScreen(PaneKeys):
    """Panes side by side from 120 columns on, else one with tabs below."""

    AUTO_FOCUS = None
    is_main = True

    def __init__(self, frames: Sequence[PaneFrame], layout: Layout) -> None:
        super().__init__(id="main")
        self.frames = list(frames)
        self.current = next((f for f in self.frames if layout.current == f.NAME), self.frames[0])
        self.zoomed = layout.zoomed
        self.scope = Scope()
        self._escaped = False
        self._tabs = Tabs(id="tabs")
        self._header = Header(id="header")
        self._hints = ToneLine(id="hints")

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
        names = ("filter", "command", "palette", "help") if self.app.size.width >= WIDE_COLUMNS else ("command", "help")
        around = [(keymap.shown(f"app.{name}"), name) for name in names]
        self._hints.say(key_hints(keymap.hinted(self.current.NAME)), key_hints(around)[1:])

    @on(PaneFrame.StateChanged)
    def _state_changed(self, event: PaneFrame.StateChanged) -> None:
        self._tell_tabs()
        self.cockpit.pane_state(event.frame.TITLE, health.state(event.frame.health))

    # -- keys ----------------------------------------------------------------------------------

    def offered(self) -> list[Offer]:
        from cockpit.tui import commands

        return commands.of_pane(self, commands.of_main(self))

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
        if self.back_in_pane():
            pass
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

    def scope_to(self, text: str) -> None:
        """`:scope NAME`; without a name it is cleared."""
        self.set_scope(text)

    def action_retry(self) -> None:
        if self.session is not None:
            for pane in self.session.panes.values():
                pane.feed.retry()
            self.session.alerts.retry()
            self.app.notify("reading the sources again", timeout=2)

    def action_quit(self) -> None:
        self.cockpit.ask_quit()
