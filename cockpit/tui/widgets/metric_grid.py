"""Small multiples: one panel a query, with a sparkline, the last, lowest and highest value of each series."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model.printable import printable
from cockpit.tui.terminal.cells import fitted, width
from cockpit.tui.widgets.panel_lines import PanelView, Piece, least_rows, panel_rows, tallest_rows
from cockpit.tui.widgets.part_style import part_style
from cockpit.tui.widgets.table_lines import THUMB, thumb_span

PANEL_CELLS = 38
"""A panel is at least so wide."""
MOST_SERIES = 3
GAP = 2
CURSOR, CURSOR_ASIDE = "▌", "│"


class MetricGrid(Widget, can_focus=True):
    """Panels in a grid, as many beside each other as fit. Only what changed is repainted."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "grid--title",
        "grid--spark",
        "grid--muted",
        "grid--bad",
        "grid--warn",
        "grid--cursor",
    }
    DEFAULT_CSS = """
    MetricGrid {
        background: $surface; color: $foreground;
        & > .grid--title { text-style: bold; }
        & > .grid--spark { color: $text-accent; }
        & > .grid--muted { color: $text-muted; }
        & > .grid--bad { color: $text-error; text-style: bold; }
        & > .grid--warn { color: $text-warning; }
        & > .grid--cursor { color: $accent; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move_row(1)", "Down", show=False, id="grid.down"),
        Binding("k,up", "move_row(-1)", "Up", show=False, id="grid.up"),
        Binding("left", "move(-1)", "Left", show=False, id="grid.left"),
        Binding("right", "move(1)", "Right", show=False, id="grid.right"),
        Binding("g,home", "move(-1000000)", "First panel", show=False, id="grid.top"),
        Binding("G,end", "move(1000000)", "Last panel", show=False, id="grid.bottom"),
        Binding("enter", "activate", "Open", show=False, id="grid.activate"),
    ]

    class GridMessage(Message):
        def __init__(self, grid: MetricGrid, key: str) -> None:
            super().__init__()
            self.grid = grid
            self.key = key

        @property
        def control(self) -> MetricGrid:
            return self.grid

    class CursorMoved(GridMessage):
        """Another panel is chosen."""

    class Activated(GridMessage):
        """Enter or a double click on a panel."""

    def __init__(self, *, id: str | None = None, most: int = MOST_SERIES) -> None:
        """`most` series of a panel are drawn, the rest counted."""
        super().__init__(id=id)
        self.cursor: str | None = None
        self._most = most
        self._panels: tuple[PanelView, ...] = ()
        self._empty = ""
        self._top = 0
        self._scrolls = False
        self._thumb = (0, 0)
        self._painted: list[tuple[tuple[Piece, ...], ...]] = []
        self._tones: dict[str, Style] = {}

    @property
    def panels(self) -> tuple[PanelView, ...]:
        return self._panels

    def show(self, panels: list[PanelView]) -> None:
        """Show these; the cursor stays on its panel by key."""
        old, place = self._panels, self._place()
        self._panels = tuple(panels)
        keys = {panel.key for panel in panels}
        if self.cursor not in keys:
            self.cursor = panels[min(place, len(panels) - 1)].key if panels else None
            if self.cursor is not None:
                self.post_message(self.CursorMoved(self, self.cursor))
        if old != self._panels:
            self._paint()

    @property
    def empty(self) -> str:
        """What is said when there are no panels."""
        return self._empty

    @empty.setter
    def empty(self, text: str) -> None:
        self._empty = printable(text)
        self._paint()

    def current(self) -> PanelView | None:
        """The chosen panel."""
        return next((panel for panel in self._panels if panel.key == self.cursor), None)

    # Layout

    @property
    def _across(self) -> int:
        """Panels beside each other: as many as fit, then no more than the same number of rows needs."""
        count = max(1, len(self._panels))
        most = max(1, min(count, (self.size.width + GAP) // (PANEL_CELLS + GAP)))
        rows = -(-count // most)
        return -(-count // rows)

    @property
    def _panel_cells(self) -> int:
        return max(0, (self.size.width - self._scrolls - GAP * (self._across - 1)) // self._across)

    def _place(self) -> int:
        return next((place for place, panel in enumerate(self._panels) if panel.key == self.cursor), 0)

    def _heights(self) -> list[int]:
        """Rows of each row of panels; what the least of all leaves over makes their charts taller."""
        across = self._across
        groups = [self._panels[first : first + across] for first in range(0, len(self._panels), across)]
        heights = [max(least_rows(panel, self._most) for panel in group) for group in groups]
        most = [max(tallest_rows(panel, self._most) for panel in group) for group in groups]
        for _ in range(self.size.height - sum(heights) - len(heights) + 1):
            growing = [place for place in range(len(heights)) if heights[place] < most[place]]
            if not growing:
                break
            heights[min(growing, key=lambda place: heights[place])] += 1
        return heights

    def _all_rows(self) -> tuple[list[tuple[tuple[Piece, ...], ...]], list[int]]:
        """Every row of the grid as one tuple of pieces a panel, and where each row of panels begins."""
        across, heights = self._across, self._heights()
        self._scrolls = sum(heights) + len(heights) - 1 > self.size.height
        cells = self._panel_cells
        rows: list[tuple[tuple[Piece, ...], ...]] = []
        starts: list[int] = []
        for place, height in enumerate(heights):
            panels = self._panels[place * across : (place + 1) * across]
            group = [panel_rows(panel, cells, height, self._most, self._mark(panel)) for panel in panels]
            if rows:
                rows.append(())
            starts.append(len(rows))
            for y in range(height):
                rows.append(tuple(lines[y] if y < len(lines) else () for lines in group))
        return rows, starts

    def _mark(self, panel: PanelView) -> str:
        return " " if panel.key != self.cursor else CURSOR if self.has_focus else CURSOR_ASIDE

    # Painting

    def _paint(self) -> None:
        if not self.is_mounted or not self.size:
            return
        rows, starts = self._all_rows()
        if not rows and self._empty:
            room = self.size.width
            said = textwrap.wrap(self._empty, max(1, room - 4))
            rows = [(), *((((fitted(f"  {line}", room), "muted"),),) for line in said)]
        height = self.size.height
        if starts:
            row = self._place() // self._across
            stop = starts[row + 1] - 1 if row + 1 < len(starts) else len(rows)
            self._top = min(max(self._top, stop - height), starts[row])
        self._top = max(0, min(self._top, len(rows) - height))
        wanted = rows[self._top : self._top + height]
        wanted += [()] * (height - len(wanted))
        painted, self._painted = self._painted, wanted
        thumb = thumb_span(len(rows), self._top, height)
        if len(painted) != height or thumb != self._thumb:
            self._thumb = thumb
            self.refresh()
            return
        regions = [region for y in range(height) for region in self._differing(y, wanted[y], painted[y])]
        if regions:
            self.refresh(*regions)

    def _differing(
        self, y: int, new: tuple[tuple[Piece, ...], ...], old: tuple[tuple[Piece, ...], ...]
    ) -> list[Region]:
        if new == old:
            return []
        if len(new) != len(old):
            return [Region(0, y, self.size.width, 1)]
        step = self._panel_cells + GAP
        regions = []
        for place, (a, b) in enumerate(zip(new, old, strict=True)):
            if a == b:
                continue
            if len(a) != len(b):
                regions.append(Region(place * step, y, self._panel_cells, 1))
                continue
            x = place * step
            for (text, style), (old_text, old_style) in zip(a, b, strict=True):
                if width(text) != width(old_text):
                    regions.append(Region(x, y, place * step + self._panel_cells - x, 1))
                    break
                if text != old_text or style != old_style:
                    regions.append(Region(x, y, width(text), 1))
                x += width(text)
        return [region for region in regions if region.width > 0]

    def render_line(self, y: int) -> Strip:
        cells = self._panel_cells
        plain = self._style("")
        segments: list[Segment] = []
        for place, pieces in enumerate(self._painted[y] if y < len(self._painted) else ()):
            if place:
                segments.append(Segment(" " * GAP, plain))
            strip = Strip([Segment(text, self._style(name)) for text, name in pieces if text])
            segments += strip.adjust_cell_length(cells, plain)
        strip = Strip(segments)
        if not self._scrolls:
            return strip.adjust_cell_length(self.size.width, plain)
        bar = THUMB if self._thumb[0] <= y < self._thumb[1] else " "
        strip = strip.adjust_cell_length(self.size.width - 1, plain)
        return Strip([*strip, Segment(bar, self._style("muted"))], self.size.width)

    def _style(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = part_style(self, f"grid--{name}" if name else "")
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    # Events and actions

    def on_mount(self) -> None:
        self._paint()

    def on_resize(self) -> None:
        self._painted = []
        self._paint()

    def on_focus(self) -> None:
        self._paint()

    def on_blur(self) -> None:
        self._paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self.action_move_row(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self.action_move_row(-1)

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None or not self._panels:
            return
        _, starts = self._all_rows()
        row = max((row for row, start in enumerate(starts) if start <= at.y + self._top), default=0)
        column = min(at.x // (self._panel_cells + GAP), self._across - 1)
        place = row * self._across + column
        if place < len(self._panels):
            self._go(place)
            if event.chain == 2:
                self.action_activate()

    def _go(self, place: int) -> None:
        if not self._panels:
            return
        key = self._panels[max(0, min(place, len(self._panels) - 1))].key
        if key != self.cursor:
            self.cursor = key
            self.post_message(self.CursorMoved(self, key))
        self._paint()

    def action_move(self, by: int) -> None:
        self._go(self._place() + by)

    def action_move_row(self, by: int) -> None:
        place = self._place() + by * self._across
        if 0 <= place < len(self._panels) or abs(by) > 1:
            self._go(place)

    def action_activate(self) -> None:
        if self.cursor is not None:
            self.post_message(self.Activated(self, self.cursor))
