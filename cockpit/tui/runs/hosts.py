"""A run host by host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.fleet.run.columns import COLUMNS, failed, search
from cockpit.fleet.run.rows import HostRow
from cockpit.listing.filter import BadFilter
from cockpit.model import clock
from cockpit.model.changes import Delta
from cockpit.tui.lines import Piece
from cockpit.tui.widgets.table_box import TableBox

SECOND = 1.0
FIRST_SORT, ENDED_SORT = "host", "state"


class HostsView(TableBox[HostRow]):
    """In the order of the names while it runs, what failed on top once it has ended, until a person says otherwise."""

    TITLE = "Hosts"

    def __init__(self) -> None:
        super().__init__(
            COLUMNS,
            sort=FIRST_SORT,
            empty="no host has ended yet",
            search=search,
            now=clock.steady,
            clock_seconds=SECOND,
            id="hosts",
        )
        self.failures_only = False
        self._sorted = False
        """By a person, or for the end."""

    async def changed(self, rows: Mapping[str, HostRow], dirty: Mapping[str, HostRow] | None) -> None:
        await self.apply(Delta(reset=dirty is None, upserts=dict(rows if dirty is None else dirty)))

    def ended(self) -> None:
        """The run is over."""
        if not self._sorted:
            self.sort_by(ENDED_SORT, False)

    def sort_by(self, column_id: str, descending: bool | None = None) -> bool:
        self._sorted = True
        return super().sort_by(column_id, descending)

    def reverse(self) -> None:
        self._sorted = True
        super().reverse()

    def toggle_failures(self) -> None:
        self.failures_only = not self.failures_only
        self.only(failed if self.failures_only else None)

    def toggle_wide(self) -> None:
        self.table.wide = not self.table.wide

    def focus_body(self) -> None:
        self.table.focus(scroll_visible=False)

    def focus_next(self) -> None:
        self.focus_body()

    def chosen(self) -> Sequence[str]:
        return [row.name for row in self.table.targets()] if self.table.marks else ()

    def current(self) -> str | None:
        row = self.table.current()
        return None if row is None else row.name

    def filter_text(self) -> str:
        return self.filter

    def find(self, text: str) -> str | None:
        try:
            self.filter_by(text)
        except BadFilter as error:
            return str(error)
        return None

    def back(self) -> bool:
        if self.clear_marks():
            return True
        if self.filter:
            self.filter_by("")
            return True
        if self.failures_only:
            self.toggle_failures()
            return True
        return False

    def details(self) -> list[Piece]:
        pieces = [Piece(f"{self.counts} ", "muted")]
        if self.failures_only:
            pieces.append(Piece("failures only ", "accent"))
        if self.filter:
            pieces.append(Piece(f"/{self.filter} ", "accent"))
        if self.table.marks:
            pieces.append(Piece(f"* {len(self.table.marks)} marked ", "accent"))
        return pieces
