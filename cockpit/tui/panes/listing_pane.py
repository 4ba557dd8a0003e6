"""A pane with an order and a filter of its own, whatever draws its items."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from cockpit.listing.filter import BadFilter
from cockpit.model import clock, health
from cockpit.model.health import Denied, Loading, Stale, Unconfigured
from cockpit.model.scope import Scope
from cockpit.tui.lines import Piece
from cockpit.tui.panes.frame import PaneFrame
from cockpit.tui.panes.sieve import Sieve
from cockpit.tui.state import PaneState

if TYPE_CHECKING:
    from cockpit.listing.cells import Column
    from cockpit.listing.listing import Listing
    from cockpit.session.pane import Pane

log = logging.getLogger(__name__)


class ListingPane(PaneFrame):
    """A listing of the feed's items. `draw` shows it, and is called after every change."""

    listing: Listing[Any] | None = None
    widget: Widget | None = None
    sieve: Sieve | None = None
    """None: the session is not there yet."""

    async def build(self, pane: Pane[Any]) -> None:
        from cockpit.listing.listing import Listing

        column = self._column(self.saved.sort) or self._column(pane.sort) or pane.columns[0]
        self._sort = column
        self._descending = self.saved.descending if self.saved.sort == column.id else pane.descending
        self.sieve = Sieve(pane)
        self.sieve.scope = self.scope
        self.sieve.narrow(self.wished)
        try:
            self.sieve.filter(self.saved.filter, entered=True)
        except BadFilter as error:
            log.info("the filter of the last run is not used: %s", error)
        self._arranging: asyncio.Task[None] | None = None
        self._again = False
        self.listing = Listing(pane.columns, column.id, descending=self._descending)
        await self.listing.arrange(column, self._descending, self.sieve.accepts())
        self.widget = self.made(self.listing)
        await self.query_one(".body").mount(self.widget, before=0)

    def made(self, listing: Listing[Any]) -> Widget:
        """The widget that shows the listing."""
        raise NotImplementedError

    def draw(self, listing: Listing[Any], empty: str) -> None:
        """Bring the widget up to the listing; `empty` is said when it has no rows."""
        raise NotImplementedError

    def _draw(self) -> None:
        if self.listing is not None and self.widget is not None and self.widget.is_mounted:
            self.draw(self.listing, self._empty_text())
            self.describe()

    async def take(self, delta: Any) -> None:
        if self.listing is not None:
            await self.listing.apply(delta)
            self._draw()

    def tick(self) -> None:
        try:
            if self.followed:
                self._draw()
        except Exception:
            log.exception("the %s pane could not be drawn anew", self.NAME)
        self.describe()

    # -- what it says --------------------------------------------------------------------------

    def counts(self) -> str:
        if self.listing is None or not self.listing.total:
            return ""
        shown, total = len(self.listing), self.listing.total
        return str(total) if shown == total else f"{shown}/{total}"

    def details(self) -> list[Piece]:
        if self.sieve is None or self.pane is None:
            return []
        pieces = self.sieve.pieces()
        if (self._sort.id, self._descending) != (self.pane.sort, self.pane.descending):
            pieces.append(Piece(f"{'↓' if self._descending else '↑'}{self._sort.title.lower()} ", "muted"))
        return pieces

    def _empty_text(self) -> str:
        assert self.pane is not None
        assert self.listing is not None
        assert self.sieve is not None
        overall = self.health
        match overall:
            case Unconfigured(hint=hint):
                return hint
            case _ if self.listing.total and not (self.sieve.source and not isinstance(overall, health.Live)):
                return f"none of {self.listing.total} matches {' and '.join(self.sieve.words())}"
            case Loading():
                return "reading ..."
            case Stale(confirmed=None, why=why) | Denied(confirmed=None, why=why) if not self.sieve.labels:
                return why
            case _:
                labels = f" with the labels {self.sieve.labels}" if self.sieve.labels else ""
                return f"no {self.NAME}{labels} ({health.state(overall)})"

    # -- filter, sort, scope -------------------------------------------------------------------

    def filter_text(self) -> str:
        return self.sieve.text if self.sieve is not None else self.saved.filter

    def set_filter(self, text: str, *, entered: bool = True) -> None:
        if self.sieve is None:
            self.saved.filter = text.strip()
            return
        self.sieve.filter(text, entered=entered)
        self._arrange()

    def set_scope(self, scope: Scope) -> None:
        super().set_scope(scope)
        if self.sieve is not None:
            self.sieve.scope = scope
            self._arrange()

    def narrow(self, values: Mapping[str, str]) -> None:
        super().narrow(values)
        if self.sieve is not None:
            self.sieve.narrow(values)
            self._arrange()
            self.describe()

    def narrowed(self) -> dict[str, str]:
        return dict(self.sieve.narrowed) if self.sieve is not None else {}

    def toggle_faults(self) -> str | None:
        if self.pane is None or self.sieve is None or self.pane.tone is None:
            return "nothing is known here of what is a fault"
        self.sieve.faults = not self.sieve.faults
        self._arrange()
        return None

    @property
    def faults(self) -> bool:
        return self.sieve is not None and self.sieve.faults

    @property
    def source(self) -> str:
        return self.sieve.source if self.sieve is not None else ""

    def sort_choices(self) -> list[tuple[str, str]]:
        return [(column.id, column.title) for column in self.pane.columns] if self.pane is not None else []

    def set_sort(self, column_id: str, descending: bool | None = None) -> None:
        column = self._column(column_id)
        if column is None or self.listing is None:
            return
        if descending is None:
            descending = not self._descending if column is self._sort else False
        self._sort, self._descending = column, descending
        self._arrange()

    def reverse(self) -> None:
        if self.listing is not None:
            self.set_sort(self._sort.id, not self._descending)

    def sort_beside(self, by: int) -> None:
        if self.pane is None or self.listing is None:
            return
        shown = [column.id for column in self.pane.columns if column is self._sort or self.shows(column)]
        self.set_sort(shown[(shown.index(self._sort.id) + by) % len(shown)], descending=False)

    def shows(self, column: Column[Any]) -> bool:
        """Whether the column can be seen."""
        return not column.wide

    def _column(self, column_id: str) -> Column[Any] | None:
        assert self.pane is not None
        return next((column for column in self.pane.columns if column.id == column_id), None)

    def _arrange(self) -> None:
        """Bring the listing to the newest wish; wishes that come meanwhile are merged, never cancelled half-way."""
        if self.listing is None or self.sieve is None:
            return
        self._again = True
        if self._arranging is None or self._arranging.done():
            work = self._rearrange(self.listing, self.sieve)
            self._arranging = asyncio.create_task(work, name=f"arrange:{self.NAME}")

    async def _rearrange(self, listing: Listing[Any], sieve: Sieve) -> None:
        try:
            while self._again:
                self._again = False
                await listing.arrange(self._sort, self._descending, sieve.accepts())
            self.arranged()
            self._draw()
        except Exception:
            log.exception("the %s pane could not be sorted or filtered", self.NAME)

    def arranged(self) -> None:
        """Order or filter are others now."""

    # -- what others ask of it -----------------------------------------------------------------

    def focus_body(self) -> None:
        if self.widget is not None:
            self.screen.set_focus(self.widget, scroll_visible=False)  # at once: the next key is for this pane

    def copied(self) -> str:
        if self.pane is None:
            return ""
        from cockpit.listing.cells import row

        now = clock.wall()
        return "\n".join("\t".join(cell.text for cell in row(self.pane.columns, item, now)) for item in self.chosen())

    def state(self) -> PaneState:
        if self.sieve is None:
            return self.saved
        return PaneState(sort=self._sort.id, descending=self._descending, filter=self.sieve.text, wide=self.saved.wide)
