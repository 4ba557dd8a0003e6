"""A pane whose items are rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from cockpit.model import clock
from cockpit.tui.lines import Piece
from cockpit.tui.panes.listing_pane import ListingPane
from cockpit.tui.state import PaneState

if TYPE_CHECKING:
    from cockpit.listing.cells import Column
    from cockpit.listing.listing import Listing
    from cockpit.tui.widgets.live_table import LiveTable


class TablePane(ListingPane):
    """A listing and the table that shows it."""

    table: LiveTable[Any] | None = None

    def made(self, listing: Listing[Any]) -> Widget:
        from cockpit.tui.widgets.live_table import LiveTable

        self.table = LiveTable(listing, id=f"table-{self.NAME}", wide=self.saved.wide, clock=clock.wall)
        return self.table

    def draw(self, listing: Listing[Any], empty: str) -> None:
        assert self.table is not None
        self.table.empty = empty
        self.table.sync()

    def arranged(self) -> None:
        if self.table is not None:
            self.table.widen()

    def details(self) -> list[Piece]:
        pieces = super().details()
        if self.table is not None and self.table.marks:
            hidden = sum(self.table.listing.index(key) is None for key in self.table.marks)
            aside = f", {hidden} hidden" if hidden else ""
            pieces.append(Piece(f"* {len(self.table.marks)} marked{aside} ", "accent"))
        return pieces

    def toggle_wide(self) -> None:
        if self.table is not None:
            self.table.wide = not self.table.wide

    def shows(self, column: Column[Any]) -> bool:
        return not column.wide or (self.table is not None and self.table.wide)

    def chosen(self) -> Sequence[Any]:
        return self.table.targets() if self.table is not None else ()

    def current(self) -> Any | None:
        return self.table.current() if self.table is not None else None

    def state(self) -> PaneState:
        state = super().state()
        if self.table is not None:
            state.wide = self.table.wide
        return state

    def clear_marks(self) -> bool:
        if self.table is None or not self.table.marks:
            return False
        self.table.action_unmark_all()
        return True

    def on_live_table_marks_changed(self) -> None:
        self.describe()

    def on_live_table_sort_requested(self, event: LiveTable.SortRequested) -> None:
        event.stop()
        self.set_sort(event.column_id)

    def on_live_table_activated(self, event: LiveTable.Activated) -> None:
        event.stop()
        self.open_current()
