"""Rows over the whole screen: tasks, alerts, the last hour."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from cockpit.listing import filter as filters
from cockpit.listing.cells import Column, row
from cockpit.listing.listing import Listing
from cockpit.model import clock
from cockpit.model.changes import Delta, T
from cockpit.tui.lines import Piece, ToneLine
from cockpit.tui.prompt import Prompt
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.live_table import LiveTable
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
        self.listing: Listing[T] = Listing(columns, sort, descending=descending)
        self.table: LiveTable[T] = LiveTable(self.listing, clock=clock.wall)
        self._nothing = empty
        self._head = ToneLine(classes="screen-head")
        self._hints = ToneLine(classes="screen-hints")
        self._filter = ""

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self.table
        yield self._hints
        yield Prompt()

    def on_mount(self) -> None:
        bind_to(self, [b for b in self.cockpit.keymap.bindings(("main",)) if hasattr(self, f"action_{b.action}")])
        self.table.focus()
        self.table.empty = "reading ..."
        self._hints.say(self.hints())
        self.tell()
        self.set_interval(CLOCK_SECONDS, self.table.sync)
        begin(self, self._follow, group="follow", exclusive=True)

    def hints(self) -> list[Piece]:
        """What the keys do, for the last line."""
        shown = self.cockpit.keymap.shown
        words = [(shown("app.back"), "back"), (shown("app.filter"), "filter"), (shown("app.reverse"), "reverse")]
        words = [*self.own_hints(), *words]
        return [Piece(" "), *(p for key, word in words for p in (Piece(key, "key"), Piece(f" {word}  ", "muted")))]

    def own_hints(self) -> list[tuple[str, str]]:
        """(key, word) of what only this screen can do."""
        return []

    def tell(self) -> None:
        """Say title, filter and count."""
        shown, total = len(self.listing), self.listing.total
        left = [Piece(f" {self._title} ", "bold"), Piece(str(total) if shown == total else f"{shown}/{total}", "muted")]
        if self._filter:
            left.append(Piece(f"  /{self._filter}", "accent"))
        self._head.say(left, self.state())

    def state(self) -> list[Piece]:
        """How far the rows can be trusted."""
        return []

    async def _follow(self) -> None:
        stream = cast("AsyncGenerator[Delta[T], None]", self._changes())
        async with aclosing(stream):
            async for delta in stream:
                await self.listing.apply(delta)
                self._show()

    def _show(self) -> None:
        self.table.empty = f"none matches /{self._filter}" if self._filter and self.listing.total else self._nothing
        self.table.sync()
        self.tell()

    # -- keys ----------------------------------------------------------------------------------

    def action_back(self) -> None:
        if self._filter:
            begin(self, partial(self._arrange, ""), group="arrange")
        else:
            self.dismiss(None)

    def action_quit(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        now = clock.wall()
        rows = [row(self.listing.columns, item, now) for item in self.table.targets()]
        self.cockpit.copy("\n".join("\t".join(cell.text for cell in cells) for cells in rows))

    def action_wide(self) -> None:
        self.table.wide = not self.table.wide

    def action_reverse(self) -> None:
        begin(self, partial(self._sort, self.listing.sort, not self.listing.descending), group="arrange")

    def action_filter(self) -> None:
        self.query_one(Prompt).open("filter", "/", self._filter)

    @on(LiveTable.SortRequested)
    def _sort_requested(self, event: LiveTable.SortRequested) -> None:
        column = next(column for column in self.listing.columns if column.id == event.column_id)
        again = column is self.listing.sort
        begin(self, partial(self._sort, column, again and not self.listing.descending), group="arrange")

    async def _sort(self, column: Column[T], descending: bool) -> None:
        await self.listing.arrange(column, descending, self._accepts(self._filter))
        self._show()

    @on(Prompt.Typed)
    def _typed(self, event: Prompt.Typed) -> None:
        begin(self, partial(self._arrange, event.text), group="arrange")

    @on(Prompt.Entered)
    def _entered(self, event: Prompt.Entered) -> None:
        self._leave_prompt()

    @on(Prompt.Closed)
    def _prompt_closed(self, event: Prompt.Closed) -> None:
        begin(self, partial(self._arrange, ""), group="arrange")
        self._leave_prompt()

    def _leave_prompt(self) -> None:
        self.query_one(Prompt).close()
        self.table.focus()

    async def _arrange(self, text: str) -> None:
        prompt = self.query_one(Prompt)
        try:
            accepts = self._accepts(text)
        except filters.BadFilter as error:
            prompt.complain(str(error))
            return
        prompt.complain("")
        self._filter = text.strip()
        await self.listing.arrange(self.listing.sort, self.listing.descending, accepts)
        self._show()

    def _accepts(self, text: str) -> Callable[[Any], bool] | None:
        matches, columns = filters.parse(text), self.listing.columns
        if matches is None:
            return None
        now = clock.wall()
        return lambda item: matches(" ".join(cell.text for cell in row(columns, item, now)).lower())
