"""Type a PromQL query and see it at once; what the server cannot parse is shown where it stands."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.timer import Timer
from textual.widgets import Input, Static

from cockpit.model.errors import SourceError
from cockpit.model.printable import printable
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.panes.metrics import MOST_SERIES, view
from cockpit.tui.prompt import Candidate, Choices, PromptInput
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.metric_grid import MetricGrid
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.metrics.panel import Panel
    from cockpit.session.metrics import MetricsPane

TYPING_SECONDS = 0.4
"""A pause in typing this long asks the server."""
REFRESH_SECONDS = 15.0
CHOICES = 6


class ExploreScreen(CellScreen[None]):
    """One query, live."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close"),
        Binding("ctrl+n", "source", "Next source", priority=True),
    ]

    def __init__(self, pane: Any, source: str, query: str) -> None:
        super().__init__()
        self._pane = cast("MetricsPane", pane)
        self._sources = list(self._pane.explorers)
        self._source = source if source in self._sources else (self._sources[0] if self._sources else "")
        self._query = query
        self._pause: Timer | None = None
        self._panel: Panel | None = None
        self._edge = 0
        """Where the chosen completion begins in the query."""
        self._head = ToneLine(classes="screen-head")
        self._caret = ToneLine(classes="caret")
        self._said = ToneLine(classes="caret")
        self._hints = ToneLine(classes="screen-hints")
        self.grid = MetricGrid(id="explored", most=MOST_SERIES)

    def compose(self) -> ComposeResult:
        yield self._head
        with Horizontal(id="asking"):
            yield Static("> ", id="sign", markup=False)
            field = PromptInput(self._query, "a PromQL query", id="query", compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static(" over ", classes="word", markup=False)
            span = Input("1h", id="range", compact=True, max_length=12)
            span.cursor_blink = False
            yield span
        yield self._caret
        yield self._said
        yield Choices(CHOICES)
        yield self.grid
        yield self._hints

    def on_mount(self) -> None:
        self.grid.empty = ""
        self._caret.display = self._said.display = False
        words = [("enter", "ask"), ("tab", "complete"), ("ctrl+n", "next source"), ("esc", "back")]
        self._hints.say(key_hints(words))
        self._tell(Piece(""))
        self.query_one("#query").focus()
        self.set_interval(REFRESH_SECONDS, self._ask)
        self._ask()

    def _tell(self, state: Piece) -> None:
        self._head.say([Piece(" Explore ", "bold"), Piece(self._source or "no source", "muted")], [state, Piece(" ")])

    # -- asking --------------------------------------------------------------------------------

    def _ask(self) -> None:
        query = self.query_one("#query", Input).value
        if query.strip() and self._source:
            span = self.query_one("#range", Input).value.strip() or "1h"
            begin(self, partial(self._asked, query, span), group="ask", exclusive=True)

    async def _asked(self, query: str, span: str) -> None:
        self._tell(Piece("asking ...", "busy"))
        try:
            panel = await self._pane.explore(self._source, query, span)
        except (SourceError, ValueError) as error:
            self._tell(Piece(f"{GLYPHS[Tone.BAD]} failed", "bad"))
            self._complain(str(error), None)
            return
        if panel.error is not None:
            column = panel.position.column if panel.position is not None and panel.position.line == 1 else None
            self._tell(Piece(f"{GLYPHS[Tone.WARN]} not a query", "warn"))
            self._complain(panel.error, column)
            return
        self._complain("", None)
        self._tell(Piece(f"{GLYPHS[Tone.GOOD]} {len(panel.series) + panel.more} series", "good"))
        self._panel = panel
        self.grid.empty = "the query has no result"
        self._show(stale=False)

    def _show(self, *, stale: bool) -> None:
        panel = self._panel
        self.grid.show([view(panel, stale=stale)] if panel is not None and panel.series else [])

    def _complain(self, why: str, column: int | None) -> None:
        """Say it below the query, with a caret under the place that the server named."""
        query = self.query_one("#query", Input)
        self._said.say([Piece(f"  {GLYPHS[Tone.BAD]} {why}", "bad")] if why else [])
        self._said.display = bool(why)
        self._caret.display = bool(why) and column is not None
        if why:
            self._show(stale=True)
        if column is not None:
            left = 2 + cell_len(printable(query.value[: column - 1])) - query.scroll_offset.x
            self._caret.say([Piece(" " * max(0, left)), Piece("^", "bad")])

    # -- typing --------------------------------------------------------------------------------

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(TYPING_SECONDS, self._ask)
        if event.input.id == "query":
            begin(self, self._offer, group="complete", exclusive=True)

    async def _offer(self) -> None:
        query, choices = self.query_one("#query", Input), self.query_one(Choices)
        try:
            found = await self._pane.complete(self._source, query.value, query.cursor_position)
        except SourceError:
            found = ()
        self._edge = found[0].start if found else 0
        choices.offer([Candidate(one.text, one.about, one.kind) for one in found[:50]])

    @on(PromptInput.Chose)
    def _chose(self, event: PromptInput.Chose) -> None:
        query, candidate = self.query_one("#query", Input), self.query_one(Choices).choose(event.by)
        if candidate is None:
            self.query_one("#range").focus()
            return
        rest = query.value[query.cursor_position :]
        with query.prevent(Input.Changed):
            query.value = query.value[: self._edge] + candidate.text + rest
        query.cursor_position = self._edge + len(candidate.text)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.query_one(Choices).offer(())
        self._ask()

    @on(PromptInput.Left)
    def action_close(self) -> None:
        if self.query_one(Choices).candidates:
            self.query_one(Choices).offer(())
        else:
            self.dismiss(None)

    def action_source(self) -> None:
        if self._sources:
            self._source = self._sources[(self._sources.index(self._source) + 1) % len(self._sources)]
            self._tell(Piece(""))
            self._ask()
