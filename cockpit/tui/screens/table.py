"""Rows over the whole screen: tasks, alerts, the last hour."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, ClassVar, Generic, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from cockpit.listing.cells import Column
from cockpit.listing.filter import BadFilter
from cockpit.model.changes import Delta, T
from cockpit.tui.lines import Piece, ToneLine, key_hints
from cockpit.tui.prompt import Prompt
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.table_box import TableBox
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.tui.app import Cockpit

CLOCK_SECONDS = 10.0


class TableScreen(CellScreen[None], Generic[T]):
    """Follows its changes until closed."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self,
        title: str,
        columns: Sequence[Column[T]],
        changes: Callable[[], AsyncIterator[Delta[T]]],
        *,
        sort: str,
        descending: bool = False,
        empty: str,
    ) -> None:
        super().__init__()
        self._title = title
        self._changes = changes
        self.box: TableBox[T] = TableBox(columns, sort=sort, descending=descending, empty=empty)
        self.table = self.box.table
        self._head = ToneLine(classes="screen-head")
        self._hints = ToneLine(classes="screen-hints")

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self.box
        yield self._hints
        yield Prompt()

    def on_mount(self) -> None:
        bind_to(self, [b for b in self.cockpit.keymap.bindings(("main",)) if hasattr(self, f"action_{b.action}")])
        self.table.focus()
        self._hints.say(self.hints())
        self.tell()
        self.set_interval(CLOCK_SECONDS, self.table.sync)
        begin(self, self._follow, group="follow", exclusive=True)

    def hints(self) -> list[Piece]:
        """What the keys do, for the last line."""
        shown = self.cockpit.keymap.shown
        words = [(shown("app.back"), "back"), (shown("app.filter"), "filter"), (shown("app.reverse"), "reverse")]
        words = [*self.own_hints(), *words]
        return key_hints(words)

    def own_hints(self) -> list[tuple[str, str]]:
        """(key, word) of what only this screen can do."""
        return []

    def tell(self) -> None:
        """Say title, filter and count."""
        left = [Piece(f" {self._title} ", "bold"), Piece(self.box.counts, "muted")]
        if self.box.filter:
            left.append(Piece(f"  /{self.box.filter}", "accent"))
        self._head.say(left, self.state())

    def state(self) -> list[Piece]:
        """How far the rows can be trusted."""
        return []

    async def _follow(self) -> None:
        stream = cast("AsyncGenerator[Delta[T], None]", self._changes())
        async with aclosing(stream):
            async for delta in stream:
                await self.box.apply(delta)
                self.tell()

    @on(TableBox.Arranged)
    def _arranged(self) -> None:
        self.tell()

    # -- keys ----------------------------------------------------------------------------------

    def action_back(self) -> None:
        if self.box.filter:
            self.box.filter_by("")
        else:
            self.dismiss(None)

    def action_quit(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        self.cockpit.copy(self.box.copied())

    def action_wide(self) -> None:
        self.table.wide = not self.table.wide

    def action_reverse(self) -> None:
        self.box.reverse()

    def action_filter(self) -> None:
        self.query_one(Prompt).open("filter", "/", self.box.filter)

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        try:
            self.box.filter_by(event.text)
        except BadFilter as error:
            event.prompt.complain(str(error))
        else:
            event.prompt.complain("")

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        self._leave_prompt()

    @on(Prompt.Closed)
    def _prompt_closed(self, event: Prompt.Closed) -> None:
        self.box.filter_by("")
        self._leave_prompt()

    def _leave_prompt(self) -> None:
        self.query_one(Prompt).close()
        self.table.focus()
