"""A table on textual's line API that resends only the visible cells that changed.

`sync` compares the visible window with what was painted (under a millisecond; no versions, no dirty sets). It never
assigns `virtual_size`, which would lay out and repaint everything, and draws a thumb of its own.
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from typing import Any, ClassVar, Generic

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from cockpit.listing.cells import Cell, Column, row, telling
from cockpit.listing.listing import Listing
from cockpit.model.changes import T
from cockpit.model.printable import printable
from cockpit.model.tone import Tone
from cockpit.tui.terminal.cells import fitted
from cockpit.tui.widgets.grid import Slot, natural, share, standing
from cockpit.tui.widgets.table_lines import (
    GUTTER,
    HEADER,
    THUMB,
    Line,
    differing,
    header_text,
    row_segments,
    thumb_span,
)

CLOCK_SECONDS = 10.0
"""Cells that change by the time alone stay as painted for so long, unless a table is told otherwise."""
SAMPLE_ROWS = 200
"""About so many rows the widths are fitted to, from all over the listing."""


class _Made(Struct, Generic[T], frozen=True, gc=False):
    """The cells of an item, and when they were made."""

    item: T
    cells: tuple[Cell, ...]
    at: float


class LiveTable(ScrollView, Generic[T], can_focus=True):
    """Rows of a listing. Call `sync` after each change of it, and every ten seconds for the clock columns."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--header",
        "table--cursor",
        "table--mark",
        "table--bar",
        *(f"table--{tone}" for tone in Tone if tone),
    }
    DEFAULT_CSS = """
    LiveTable {
        background: $surface; color: $foreground; scrollbar-size: 0 0;
        & > .table--header { color: $text-muted; text-style: bold; }
        & > .table--cursor { color: $accent; text-style: bold reverse; }
        & > .table--mark { color: $accent; text-style: bold; }
        & > .table--bar { color: $text-muted; }
        & > .table--good { color: $text-success; }
        & > .table--busy { color: $text-primary; }
        & > .table--warn { color: $text-warning; }
        & > .table--bad { color: $text-error; text-style: bold; }
        & > .table--muted { color: $text-muted; }
        & > .table--accent { color: $text-accent; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "down", "Down", show=False, id="table.down"),
        Binding("k,up", "up", "Up", show=False, id="table.up"),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False, id="table.page_down"),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False, id="table.page_up"),
        Binding("g,home", "top", "First row", show=False, id="table.top"),
        Binding("G,end", "bottom", "Last row", show=False, id="table.bottom"),
        Binding("left", "left", "Scroll left", show=False, id="table.left"),
        Binding("right", "right", "Scroll right", show=False, id="table.right"),
        Binding("space", "mark", "Mark", show=False, id="table.mark"),
        Binding("ctrl+space,ctrl+@,shift+space", "mark_range", "Mark range", show=False, id="table.mark_range"),
        Binding("u", "unmark_all", "Unmark all", show=False, id="table.unmark_all"),
        Binding("enter", "activate", "Open", show=False, id="table.activate"),
    ]

    class TableMessage(Message):
        """Base of the messages of a table."""

        def __init__(self, table: LiveTable[Any]) -> None:
            super().__init__()
            self.table = table

        @property
        def control(self) -> LiveTable[Any]:
            return self.table

    class Activated(TableMessage):
        """Enter or a double click on a row."""

        def __init__(self, table: LiveTable[Any], key: str) -> None:
            super().__init__(table)
            self.key = key

    class CursorMoved(TableMessage):
        """The cursor stands on another row; None when there is none."""

        def __init__(self, table: LiveTable[Any], key: str | None) -> None:
            super().__init__(table)
            self.key = key

    class MarksChanged(TableMessage):
        """Rows were marked or unmarked, or marked ones are gone."""

        def __init__(self, table: LiveTable[Any], marks: frozenset[str]) -> None:
            super().__init__(table)
            self.marks = marks

    class SortRequested(TableMessage):
        """A click on the header of a column."""

        def __init__(self, table: LiveTable[Any], column_id: str) -> None:
            super().__init__(table)
            self.column_id = column_id

    def __init__(
        self,
        listing: Listing[T],
        *,
        id: str | None = None,
        wide: bool = False,
        clock: Callable[[], float] = time.time,
        clock_seconds: float = CLOCK_SECONDS,
    ) -> None:
        """`clock` is what the columns are given, Unix seconds as a rule; cells that change by the time alone stay as
        painted for `clock_seconds`."""
        super().__init__(id=id)
        self.listing = listing
        self.cursor: str | None = None
        self.marks: set[str] = set()
        self._clock, self._clock_seconds = clock, clock_seconds
        self._wide = wide
        self._empty = ""
        self._columns: list[Column[T]] = []
        self._silent: list[Column[T]] = []
        """Left out, for they say nothing of any row."""
        self._wishes: list[int] = []
        self._slots: list[Slot] = []
        self._standing = 0
        self._fitted_rows = -1
        self._made: dict[str, _Made[T]] = {}
        self._painted: list[Line | None] = []
        self._header: tuple[object, ...] = ()
        self._thumb = (0, 0)
        self._room = 0
        self._at = 0
        self._first = ""
        self._seen = range(0)
        self._moved = False
        self._last_mark: str | None = None
        self._tones: dict[str, Style] = {}

    # What the app reads and sets

    @property
    def wide(self) -> bool:
        """Whether the columns of the wide view are shown."""
        return self._wide

    @wide.setter
    def wide(self, value: bool) -> None:
        if value != self._wide:
            self._wide = value
            self.refit()

    @property
    def empty(self) -> str:
        """What is said when there are no rows."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        safe = printable(text)
        if safe != self._empty:
            self._empty = safe
            if not len(self.listing):
                self.refresh()

    def current(self) -> T | None:
        """The item under the cursor."""
        if self.cursor is None or self.listing.index(self.cursor) is None:
            return None
        return self.listing.get(self.cursor)

    def targets(self) -> list[T]:
        """The marked items in view, in their order, else the one under the cursor."""
        places = sorted(place for key in self.marks if (place := self.listing.index(key)) is not None)
        if places:
            return [item for place in places for item in self.listing.window(place, 1)]
        item = self.current()
        return [] if item is None else [item]

    def refit(self) -> None:
        """Fit the widths of the columns anew to a sample of the rows and the visible ones."""
        chosen = [column for column in self.listing.columns if self._wide or not column.wide]
        self._made.clear()
        self._fitted_rows = len(self.listing)
        now = self._clock()
        stride = max(1, len(self.listing) // SAMPLE_ROWS)
        sample = [item for place in range(0, len(self.listing), stride) for item in self.listing.window(place, 1)]
        sample += self.listing.window(self._top, self._body)
        self._columns = list(telling(chosen, sample, now))
        self._silent = [column for column in chosen if column not in self._columns]
        self._wishes = natural(self._columns, (row(self._columns, item, now) for item in sample))
        self._lay_out()
        self.sync()

    def widen(self) -> None:
        """Where there is room, give it to the rows now in view; nothing gets narrower. For a new order or filter."""
        now = self._clock()
        seen = natural(self._columns, (row(self._columns, item, now) for item in self.listing.window(0, self._body)))
        wishes = [max(pair) for pair in zip(self._wishes, seen, strict=True)]
        if wishes != self._wishes:
            self._wishes = wishes
            self._lay_out()

    def sync(self) -> None:
        """Bring the screen to the listing: refresh the cells that differ from what was painted."""
        rows = len(self.listing)
        if self._fitted_rows < 0 or (rows > 2 * self._fitted_rows and self._fitted_rows < SAMPLE_ROWS):
            self.refit()
            return
        if self._silent and telling(self._silent, self.listing.window(self._top, self._body), self._clock()):
            self.refit()
            return
        if self.size.width - GUTTER - 1 != self._room:
            self._lay_out()
        self._forget_gone_marks()
        self._settle(rows)
        self._paint(rows)

    # Place of cursor and window

    @property
    def _body(self) -> int:
        return max(0, self.size.height - HEADER)

    @property
    def _top(self) -> int:
        return self.scroll_offset.y

    def _lay_out(self) -> None:
        self._room = self.size.width - GUTTER - 1
        self._slots = share(self._columns, self._wishes, self._room)
        self._standing = standing(self._columns, self._slots, self._room)
        self._painted = []

    def _settle(self, rows: int) -> None:
        """Keep the cursor on its row and its row in place while rows come and go around it."""
        body, top = self._body, self._top
        old_cursor, old_at = self.cursor, self._at
        index = self.listing.index(old_cursor) if old_cursor is not None and self._moved else None
        if index is None and rows:
            index = self._neighbour(rows) if self._moved else 0
            self.cursor = self.listing.key_at(index)
        elif index is None:
            self.cursor = None
        self._at = index or 0
        self._set_size(rows)
        if body:
            if self._seen.start <= old_at < self._seen.stop:
                if top > 0 or self._at >= top + body:
                    top += self._at - old_at
                top = min(max(top, self._at - body + 1), self._at)
            elif top > 0 and (first := self.listing.index(self._first)) is not None:
                top = first
            self._set_top(top)
            self._seen = range(self._top, self._top + body)
        if self.cursor != old_cursor:
            self.post_message(self.CursorMoved(self, self.cursor))

    def _neighbour(self, rows: int) -> int:
        """Where the cursor goes when its row is gone: the next painted row below that is still there, else above."""
        keys = [line.key for line in self._painted if line is not None]
        if self.cursor in keys:
            place = keys.index(self.cursor)
            for key in keys[place + 1 :] + keys[:place][::-1]:
                if (index := self.listing.index(key)) is not None:
                    return index
        return min(self._at, rows - 1)

    def _set_size(self, rows: int) -> None:
        last = self._slots[-1] if self._slots else Slot(0, 0)
        size = Size(GUTTER + last.left + last.width + 1, rows + HEADER)
        if size != self.virtual_size:
            self.set_reactive(Widget.virtual_size, size)

    def _set_top(self, top: int) -> None:
        top = max(0, min(top, len(self.listing) - self._body))
        if top != self._top:
            self.set_reactive(Widget.scroll_y, float(top))
            self.set_reactive(Widget.scroll_target_y, float(top))

    def _forget_gone_marks(self) -> None:
        gone = [key for key in self.marks if self.listing.get(key) is None]
        if gone:
            self.marks.difference_update(gone)
            self._say_marks()

    # Painting

    def _paint(self, rows: int) -> None:
        height, top = self._body, self._top
        wanted = self._lines(top, height)
        if height:
            self._first = wanted[0].key if wanted[0] is not None else ""
        header = (self.listing.sort.id, self.listing.descending)
        thumb = thumb_span(rows, top, height)
        painted, self._painted = self._painted, wanted
        old_header, self._header = self._header, header
        old_thumb, self._thumb = self._thumb, thumb
        empty_changed = any(line is not None for line in painted) != any(line is not None for line in wanted)
        if len(painted) != height or empty_changed:
            self.refresh()
            return
        regions = [Region(0, 0, self.size.width, 1)] if header != old_header else []
        for y, (new, old) in enumerate(zip(wanted, painted, strict=True), HEADER):
            if new != old:
                regions += differing(
                    y,
                    new,
                    old,
                    self._columns,
                    self._slots,
                    left=self.scroll_offset.x,
                    standing=self._standing,
                    room=self.size.width - 1,
                )
        if thumb != old_thumb:
            bar = set(range(*thumb)) ^ set(range(*old_thumb))
            regions += [Region(self.size.width - 1, y + HEADER, 1, 1) for y in bar]
        if regions:
            self.refresh(*regions)

    def _lines(self, top: int, height: int) -> list[Line | None]:
        now, columns, made = self._clock(), self._columns, self._made
        kept: dict[str, _Made[T]] = {}
        lines: list[Line | None] = []
        for item in self.listing.window(top, height):
            key = item.key
            known = made.get(key)
            if known is None or now - known.at >= self._clock_seconds or now < known.at or known.item != item:
                known = _Made(item, row(columns, item, now), now)
            kept[key] = known
            lines.append(Line(key, known.cells, key == self.cursor, key in self.marks))
        self._made = kept
        return lines + [None] * (height - len(lines))

    def render_line(self, y: int) -> Strip:
        """One line of what `sync` found; never reads the listing."""
        line_width = self.size.width
        if line_width <= GUTTER + 1 or not self._columns:
            return Strip.blank(line_width, self._style(""))
        if y == 0:
            return self._header_strip(line_width)
        line = self._painted[y - HEADER] if y - HEADER < len(self._painted) else None
        room = line_width - 1
        body = self._empty_strip(y - HEADER, room) if line is None else self._row_strip(line, room)
        bar = THUMB if self._thumb[0] <= y - HEADER < self._thumb[1] else " "
        return Strip([*body, Segment(bar, self._style("bar"))], line_width)

    def _row_strip(self, line: Line, room: int) -> Strip:
        gutter, segments = row_segments(line, self._columns, self._slots, self._style, focused=self.has_focus)
        return self._beside_gutter(gutter, segments, room, self._style(""))

    def _beside_gutter(self, gutter: list[Segment], segments: list[Segment], room: int, style: Style) -> Strip:
        left, stays, columns = self.scroll_offset.x, min(self._standing, room - GUTTER), Strip(segments)
        moving = columns.crop_extend(left + stays, left + room - GUTTER, style)
        return Strip([*gutter, *(columns.crop_extend(0, stays, style) if stays else ()), *moving], room)

    def _header_strip(self, line_width: int) -> Strip:
        style = self._style("header")
        text = header_text(self._columns, self._slots, self.listing.sort.id, self.listing.descending)
        strip = self._beside_gutter([Segment(" " * GUTTER, style)], [Segment(text, style)], line_width - 1, style)
        more = "›" if self.scroll_offset.x < self.max_scroll_x else "‹" if self.scroll_offset.x else " "
        return Strip([*strip, Segment(more, style)], line_width)

    def _empty_strip(self, y: int, room: int) -> Strip:
        style = self._style("muted")
        said = textwrap.wrap(self._empty, max(1, room - 2 * GUTTER)) if not len(self.listing) else []
        text = " " * GUTTER + said[y - 1] if 0 <= y - 1 < len(said) else ""
        return Strip([Segment(fitted(text, room), style if text else self._style(""))], room)

    def _style(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            base = self.rich_style
            style = base
            if name:
                part = self.get_component_rich_style(f"table--{name}", partial=True)
                colour = None if part.color is None or part.color.is_default else part.color
                style = base + Style(color=colour, bold=part.bold, reverse=part.reverse, underline=part.underline)
            self._tones[name] = style
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    # Events

    def on_resize(self) -> None:
        self._painted = []
        if self._fitted_rows >= 0 and self.size.width - GUTTER - 1 != self._room:
            self.refit()
        else:
            self.sync()

    def on_key(self, event: events.Key) -> None:
        """A key that may act on the row pins the cursor to it; until then it stays at the top."""
        character = event.character
        if event.key in ("enter", "space") or (character is not None and character.isalpha()):
            self._moved = True

    def on_focus(self) -> None:
        self._repaint_cursor()

    def on_blur(self) -> None:
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        for y, line in enumerate(self._painted, HEADER):
            if line is not None and line.cursor and y < self.size.height:
                self.refresh(Region(0, y, max(0, self.size.width - 1), 1))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if round(old_value) == round(new_value):
            return
        if self._body == len(self._seen):  # else a resize is on its way, which brings the cursor along
            self._seen = range(self._top, self._top + self._body)
        self._paint(len(self.listing))

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        if round(old_value) != round(new_value):
            self._painted = []
            self._paint(len(self.listing))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self.scroll_to(y=self._top + 3, animate=False, force=True)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self.scroll_to(y=self._top - 3, animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        event.stop()
        if at.y == 0:
            x = at.x - GUTTER
            x += self.scroll_offset.x if x >= self._standing else 0
            for column, slot in zip(self._columns, self._slots, strict=True):
                if slot.left <= x <= slot.left + slot.width:
                    self.post_message(self.SortRequested(self, column.id))
                    return
            return
        index = self._top + at.y - HEADER
        if index < len(self.listing):
            self._go(index)
            if event.chain == 2:
                self.action_activate()

    # Actions

    def _go(self, index: int) -> None:
        rows, body = len(self.listing), self._body
        if not rows:
            return
        index = max(0, min(index, rows - 1))
        old, self.cursor = self.cursor, self.listing.key_at(index)
        self._at, self._moved = index, True
        top = self._top
        # A jump of half a window: holding a key repaints twice a window, not once a row.
        if index < top:
            top = index if index == top - body or index == 0 else index - body // 2
        elif index >= top + body:
            top = index - body // 2
        self._set_top(top)
        self._seen = range(self._top, self._top + body)
        self._paint(rows)
        if self.cursor != old:
            self.post_message(self.CursorMoved(self, self.cursor))

    def _place(self) -> int:
        """The cursor's row as of now; the listing may have moved on since the last sync."""
        index = self.listing.index(self.cursor) if self.cursor is not None else None
        return self._at if index is None else index

    def action_down(self) -> None:
        self._go(self._place() + 1)

    def action_up(self) -> None:
        self._go(self._place() - 1)

    def action_page_down(self) -> None:
        self._go(self._place() + max(1, self._body))

    def action_page_up(self) -> None:
        self._go(self._place() - max(1, self._body))

    def action_top(self) -> None:
        """To the first row, and stay there whatever row comes to stand first."""
        self._go(0)
        self._moved = False

    def action_bottom(self) -> None:
        self._go(len(self.listing) - 1)

    def action_left(self) -> None:
        left = self.scroll_offset.x
        self.scroll_to(x=max((stop for stop in self._stops() if stop < left), default=0), animate=False, force=True)

    def action_right(self) -> None:
        left = self.scroll_offset.x
        self.scroll_to(x=min((stop for stop in self._stops() if stop > left), default=left), animate=False, force=True)

    def _stops(self) -> list[int]:
        """Where a sideways scroll lets a column begin."""
        return [slot.left - self._standing for slot in self._slots if slot.left >= self._standing]

    def action_mark(self) -> None:
        if self.cursor is None:
            return
        if self.cursor in self.marks:
            self.marks.discard(self.cursor)
        else:
            self.marks.add(self.cursor)
        self._last_mark = self.cursor
        self._marked()

    def action_mark_range(self) -> None:
        """Mark from the row that was marked last to the cursor."""
        if self.cursor is None:
            return
        here = self._place()
        start = self.listing.index(self._last_mark) if self._last_mark is not None else None
        low, high = sorted((here, here if start is None else start))
        self.marks.update(item.key for item in self.listing.window(low, high - low + 1))
        self._last_mark = self.cursor
        self._marked()

    def action_unmark_all(self) -> None:
        if self.marks:
            self.marks.clear()
            self._marked()

    def action_activate(self) -> None:
        if self.cursor is not None and self.current() is not None:
            self.post_message(self.Activated(self, self.cursor))

    def _marked(self) -> None:
        self._paint(len(self.listing))
        self._say_marks()

    def _say_marks(self) -> None:
        self.post_message(self.MarksChanged(self, frozenset(self.marks)))
