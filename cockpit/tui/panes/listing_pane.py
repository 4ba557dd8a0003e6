"""A pane with an order and a filter of its own, whatever draws its items."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.widget import Widget

from cockpit.listing import filter as filters
from cockpit.model import clock, health
from cockpit.model.health import Denied, Loading, Stale, Unconfigured
from cockpit.model.scope import Scope
from cockpit.tui.lines import Piece
from cockpit.tui.panes.frame import PaneFrame
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

    async def build(self, pane: Pane[Any]) -> None:
        from cockpit.listing.listing import Listing

        column = self._column(self.saved.sort) or self._column(pane.sort) or pane.columns[0]
        self._sort = column
        self._descending = self.saved.descending if self.saved.sort == column.id else pane.descending
        self._filter = self.saved.filter
        self._matches: Callable[[str], bool] | None = None
        try:
            self._matches = filters.parse(self._filter)
        except filters.BadFilter:
            self._filter = ""
        self._arranging: asyncio.Task[None] | None = None
        self._again = False
        self.listing = Listing(pane.columns, column.id, descending=self._descending)
        await self.listing.arrange(column, self._descending, self._accepts())
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
        if self.listing is None or self.pane is None:
            return []
        pieces: list[Piece] = []
        if self._filter:
            pieces.append(Piece(f"/{self._filter} ", "accent"))
        if (self._sort.id, self._descending) != (self.pane.sort, self.pane.descending):
            pieces.append(Piece(f"{'↓' if self._descending else '↑'}{self._sort.title.lower()} ", "muted"))
        return pieces

    def _empty_text(self) -> str:
        assert self.pane is not None
        assert self.listing is not None
        overall = self.pane.feed.overall
        match overall:
            case Unconfigured(hint=hint):
                return hint
            case _ if self.listing.total:
                said = [f"/{self._filter}"] if self._filter else []
                said += [f"the scope {self.scope.text!r}"] if self.scope.text else []
                return f"none of {self.listing.total} matches {' and '.join(said)}"
            case Loading():
                return "reading ..."
            case Stale(confirmed=None, why=why) | Denied(confirmed=None, why=why):
                return why
            case _:
                return f"no {self.NAME} ({health.state(overall)})"

    # -- filter, sort, scope -------------------------------------------------------------------

    def filter_text(self) -> str:
        return self._filter if self.listing is not None else self.saved.filter

    def set_filter(self, text: str) -> None:
        matches = filters.parse(text)
        if self.listing is None:
            self.saved.filter = text.strip()
            return
        self._matches, self._filter = matches, text.strip()
        self._arrange()

    def set_scope(self, scope: Scope) -> None:
        super().set_scope(scope)
        self._arrange()

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

    def _column(self, column_id: str) -> Column[Any] | None:
        assert self.pane is not None
        return next((column for column in self.pane.columns if column.id == column_id), None)

    def _accepts(self) -> Callable[[Any], bool] | None:
        assert self.pane is not None
        search, matches, scope = self.pane.search, self._matches, self.scope
        if matches is None:
            return (lambda item: scope.admits(search(item))) if scope.text else None
        if not scope.text:
            return lambda item: matches(search(item))

        def both(item: Any) -> bool:
            text = search(item)
            return matches(text) and scope.admits(text)

        return both

    def _arrange(self) -> None:
        """Bring the listing to the newest wish; wishes that come meanwhile are merged, never cancelled half-way."""
        if self.listing is None:
            return
        self._again = True
        if self._arranging is None or self._arranging.done():
            self._arranging = asyncio.create_task(self._rearrange(self.listing), name=f"arrange:{self.NAME}")

    async def _rearrange(self, listing: Listing[Any]) -> None:
        try:
            while self._again:
                self._again = False
                await listing.arrange(self._sort, self._descending, self._accepts())
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
        if self.listing is None:
            return self.saved
        return PaneState(sort=self._sort.id, descending=self._descending, filter=self._filter, wide=self.saved.wide)
