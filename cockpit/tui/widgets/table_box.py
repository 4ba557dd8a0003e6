"""A table with an order and a filter of its own, for screens that are no panes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Generic

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from cockpit.listing import filter as filters
from cockpit.listing.cells import Column, row
from cockpit.listing.listing import Listing
from cockpit.model import clock
from cockpit.model.changes import Delta, T
from cockpit.tui.widgets.live_table import CLOCK_SECONDS, LiveTable

log = logging.getLogger(__name__)


class TableBox(Vertical, Generic[T]):
    """Give it deltas; it says with `Arranged` when what it shows has changed by itself."""

    DEFAULT_CSS = "TableBox { height: 1fr; } TableBox > LiveTable { height: 1fr; }"

    class Arranged(Message):
        """Filter or order are others now."""

        def __init__(self, box: TableBox[Any]) -> None:
            super().__init__()
            self.box = box

        @property
        def control(self) -> TableBox[Any]:
            return self.box

    def __init__(
        self,
        columns: Sequence[Column[T]],
        *,
        sort: str,
        descending: bool = False,
        empty: str,
        search: Callable[[T], str] | None = None,
        now: Callable[[], float] | None = None,
        clock_seconds: float = CLOCK_SECONDS,
        id: str | None = None,
    ) -> None:
        """`search` gives the lower-case text that the filter looks into; None: that of all cells. `now` is the clock
        that the columns are given."""
        super().__init__(id=id)
        self.listing: Listing[T] = Listing(columns, sort, descending=descending)
        self._now = now or clock.wall
        self.table: LiveTable[T] = LiveTable(self.listing, clock=self._now, clock_seconds=clock_seconds)
        self.table.empty = "reading ..."
        self.filter = ""
        self._nothing = empty
        self._search = search or self._cells
        self._matches: Callable[[str], bool] | None = None
        self._only: Callable[[T], bool] | None = None
        self._order = (self.listing.sort, descending)
        self._again = False
        self._arranging: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        yield self.table

    @property
    def counts(self) -> str:
        """ "6" or "3/6" under a filter."""
        shown, total = len(self.listing), self.listing.total
        return str(total) if shown == total else f"{shown}/{total}"

    async def apply(self, delta: Delta[T]) -> None:
        """Bring the rows up to a change."""
        await self.listing.apply(delta)
        self.draw()

    def draw(self) -> None:
        """Show the rows as they are."""
        if self.listing.total and not len(self.listing):
            self.table.empty = f"none of {self.listing.total} matches" + (f" /{self.filter}" if self.filter else "")
        else:
            self.table.empty = self._nothing
        if self.table.is_mounted:
            self.table.sync()

    def widen(self) -> None:
        """Draw, and where there is room give it to the rows now in view."""
        if self.table.is_mounted:
            self.table.widen()
        self.draw()

    # -- filter and order --------------------------------------------------------------------------

    def filter_by(self, text: str) -> None:
        """Show only what matches. Raises BadFilter."""
        self._matches, self.filter = filters.parse(text), text.strip()
        self._arrange()

    def only(self, accepts: Callable[[T], bool] | None) -> None:
        """Show only such items, whatever the filter; None: all."""
        self._only = accepts
        self._arrange()

    def sort_by(self, column_id: str, descending: bool | None = None) -> bool:
        """False: there is no such column. The same column again turns the order round."""
        column = next((column for column in self.listing.columns if column.id == column_id), None)
        if column is None:
            return False
        current, turned = self._order
        self._order = (column, descending if descending is not None else column is current and not turned)
        self._arrange()
        return True

    def reverse(self) -> None:
        column, descending = self._order
        self._order = (column, not descending)
        self._arrange()

    def _arrange(self) -> None:
        """Wishes that come while one is being fulfilled are fulfilled together."""
        self._again = True
        if self._arranging is None or self._arranging.done():
            self._arranging = asyncio.create_task(self._rearrange(), name="arrange")

    async def _rearrange(self) -> None:
        try:
            while self._again:
                self._again = False
                await self.listing.arrange(*self._order, self._accepts())
            self.widen()
            if self.is_mounted:
                self.post_message(self.Arranged(self))
        except Exception:
            log.exception("a table could not be sorted or filtered")

    def _accepts(self) -> Callable[[T], bool] | None:
        matches, only, search = self._matches, self._only, self._search
        if matches is None:
            return only
        if only is None:
            return lambda item: matches(search(item))
        return lambda item: only(item) and matches(search(item))

    def _cells(self, item: T) -> str:
        return " ".join(cell.text for cell in row(self.listing.columns, item, self._now())).lower()

    @on(LiveTable.SortRequested)
    def _sort_requested(self, event: LiveTable.SortRequested) -> None:
        event.stop()
        self.sort_by(event.column_id)

    # -- what is asked of it -----------------------------------------------------------------------

    def copied(self) -> str:
        """The chosen rows, a line each, cells between tabs."""
        now = self._now()
        rows = [row(self.listing.columns, item, now) for item in self.table.targets()]
        return "\n".join("\t".join(cell.text for cell in cells) for cells in rows)

    def clear_marks(self) -> bool:
        """True when there were some."""
        if not self.table.marks:
            return False
        self.table.action_unmark_all()
        return True
