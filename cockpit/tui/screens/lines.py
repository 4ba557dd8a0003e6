"""A view of one item over the whole screen: logs, events, YAML, the output of a task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from cockpit.model.errors import SourceError
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.prompt import Prompt
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.line_view import LineView, Syntax
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.tui.app import Cockpit

FLUSH_SECONDS = 0.05
"""Lines that come together are drawn together."""
MOST_TOGETHER = 2000


class LinesScreen(CellScreen[None]):
    """Closing it ends the stream."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Close", id="lines.close"),
        Binding("slash", "search", "Search", id="lines.search"),
        Binding("c", "copy", "Copy", id="lines.copy"),
    ]

    def __init__(
        self,
        title: str,
        lines: Callable[[], AsyncIterator[str]],
        *,
        follow: bool = False,
        syntax: Syntax = "",
    ) -> None:
        super().__init__()
        self._title = title
        self._lines = lines
        self._head = ToneLine(classes="screen-head")
        self._hints = ToneLine(classes="screen-hints")
        self.view = LineView(follow=follow, syntax=syntax)
        self._waiting: list[str] = []
        self._flushing: asyncio.TimerHandle | None = None
        self.outcome = Piece("reading ...", "busy")
        """How the stream is: reading, open, ended, or its error."""

    def compose(self) -> ComposeResult:
        yield self._head
        yield self.view
        yield self._hints
        yield Prompt()

    def on_mount(self) -> None:
        self.view.focus()
        self._hints.say(self.hints())
        self.tell()
        begin(self, self._read, group="read", exclusive=True)

    def on_unmount(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()

    def hints(self) -> list[Piece]:
        """What the keys do, for the last line."""
        words = (("esc", "back"), ("/", "search"), ("n N", "next, previous"), ("w", "wrap"), ("G", "follow"))
        return key_hints(words)

    def tell(self) -> None:
        """Say title, status and how the stream is."""
        status = self.view.status
        right = [Piece(f"{status}  ", "muted"), self.outcome, Piece(" ")]
        self._head.say([Piece(f" {self._title}", "bold")], right)

    async def _read(self) -> None:
        stream = cast("AsyncGenerator[str, None]", self._lines())
        try:
            async with aclosing(stream):
                async for line in stream:
                    await self._take(line)
            self.outcome = self.ended()
        except SourceError as error:
            self.outcome = Piece(f"{GLYPHS[Tone.BAD]} {error}", "bad")
            self._waiting.append(self.outcome.text)
        self._hand_over()
        self.view.ended = True
        self.tell()

    def ended(self) -> Piece:
        """What is said once all lines are there."""
        return Piece("ended", "muted")

    async def _take(self, line: str) -> None:
        if self.outcome.style == "busy":
            self.outcome = Piece(f"{GLYPHS[Tone.GOOD]} open", "good")
            self.tell()
        self._waiting.append(line)
        if len(self._waiting) >= MOST_TOGETHER:
            self._hand_over()
            await asyncio.sleep(0)
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._hand_over)

    def _hand_over(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._waiting:
            lines, self._waiting = self._waiting, []
            self.view.append(lines)

    @on(LineView.StatusChanged)
    def _status_changed(self) -> None:
        self.tell()

    # -- keys ----------------------------------------------------------------------------------

    def action_close(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        cast("Cockpit", self.app).copy(self.view.text())

    def action_search(self) -> None:
        self.query_one(Prompt).open("search", "/")

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        self.view.search(event.text)

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        self._leave_prompt()

    @on(Prompt.Closed)
    def _prompt_closed(self, event: Prompt.Closed) -> None:
        self.view.search("")
        self._leave_prompt()

    def _leave_prompt(self) -> None:
        self.query_one(Prompt).close()
        self.view.focus()
