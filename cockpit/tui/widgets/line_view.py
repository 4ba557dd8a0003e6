"""Lines of text: logs, events, YAML, output of tasks. Bounded, searchable, cheap to add to."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Iterable
from typing import ClassVar, Literal, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.tui.terminal.cells import width
from cockpit.tui.widgets.line_buffer import MOST_BYTES, MOST_LINES, LineBuffer, breaks
from cockpit.tui.widgets.part_style import part_style

PAINT_SECONDS = 0.1
"""New lines are painted at most so often."""
SLICE_SECONDS = 0.005
SIDE_STEP = 16
THUMB = "┃"
_YAML_KEY = re.compile(r"^(\s*(?:- )*)([^\s:#'\"\-][^:#]*?|\"[^\"]*\")(:)(?=\s|$)")
_YAML_COMMENT = re.compile(r"(?:^|\s)#.*$")

Spans: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of a row: (text, style name)."""
Place: TypeAlias = tuple[int, int]
"""(line number, row within the wrapped line)."""


class LineView(Widget, can_focus=True):
    """Follows the end until one scrolls up, and again once one is back at the end."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--match",
        "lines--hit",
        "lines--key",
        "lines--muted",
        "lines--bar",
        "lines--notice",
    }
    DEFAULT_CSS = """
    LineView {
        background: $surface; color: $foreground;
        & > .lines--match { text-style: reverse; }
        & > .lines--hit { color: $text-warning; text-style: bold reverse; }
        & > .lines--key { color: $text-accent; }
        & > .lines--muted { color: $text-muted; }
        & > .lines--bar { color: $text-muted; }
        & > .lines--notice { color: $text-warning; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="lines.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="lines.up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="lines.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="lines.page_up"),
        Binding("g,home", "top", "First line", show=False, id="lines.top"),
        Binding("G,end", "end", "Last line, follow", show=False, id="lines.end"),
        Binding("left", "side(-1)", "Scroll left", show=False, id="lines.left"),
        Binding("right", "side(1)", "Scroll right", show=False, id="lines.right"),
        Binding("w", "wrap", "Wrap", id="lines.wrap"),
        Binding("n", "next(1)", "Next match", id="lines.next"),
        Binding("N", "next(-1)", "Previous match", id="lines.previous"),
    ]

    class StatusChanged(Message):
        """Following, the number of lines, or the search changed; `status` says it in one line."""

        def __init__(self, view: LineView, status: str) -> None:
            super().__init__()
            self.view = view
            self.status = status

        @property
        def control(self) -> LineView:
            return self.view

    def __init__(
        self,
        *,
        id: str | None = None,
        follow: bool = False,
        wrap: bool = False,
        syntax: Literal["", "yaml"] = "",
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(id=id)
        self.buffer = LineBuffer(most_lines, most_bytes)
        self.following = follow
        self.ended = False
        """No more lines will come; there is nothing to follow."""
        self._wrap = wrap
        self._syntax = syntax
        self._top: Place = (0, 0)
        self._left = 0
        self._needle: re.Pattern[str] | None = None
        self._hit: int | None = None
        self._searched = ""
        self._painted: list[Spans] = []
        self._thumb = (0, 0)
        self._painted_at = 0.0
        self._due = False
        self._said = ""
        self._tones: dict[str, Style] = {}

    # What the app uses

    def append(self, lines: Iterable[str]) -> None:
        """Add raw lines; give many at a time, a few thousand at most. Painted soon, not at once."""
        self.buffer.add(lines)
        wait = self._painted_at + PAINT_SECONDS - time.monotonic()
        if wait <= 0:
            self._paint()
        elif not self._due and self.is_mounted:
            self._due = True
            self.set_timer(wait, self._paint)

    def clear(self) -> None:
        """Forget all lines."""
        self.buffer.clear()
        self._top, self._hit = (0, 0), None
        self._paint()

    def text(self) -> str:
        """All the lines there are, made printable."""
        return "\n".join(self.buffer)

    def search(self, text: str) -> None:
        """Highlight the text and go to its next place; the case counts only when there is a capital. Empty: stop."""
        flags = 0 if any(character.isupper() for character in text) else re.IGNORECASE
        self._needle = re.compile(re.escape(text), flags) if text else None
        self._hit, self._searched = None, text
        if text:
            self.action_next(1)
        else:
            self._paint()

    @property
    def wrapped(self) -> bool:
        return self._wrap

    @property
    def status(self) -> str:
        """One line: how many lines, whether it follows, what is searched."""
        parts = [f"{len(self.buffer):,} lines"]
        if self.buffer.dropped:
            parts.append(f"{self.buffer.dropped:,} earlier lines dropped")
        if self.following and not self.ended:
            parts.append("following")
        if self._searched:
            parts.append(f"/{self._searched}" if self._hit is not None else f"/{self._searched}: not found")
        return " · ".join(parts)

    # Rows

    @property
    def _room(self) -> int:
        return max(0, self.size.width - 1)

    def _rows(self, number: int) -> list[int]:
        """The starts of the rows of a line; the first line there is has a row (-1) before it when some are dropped."""
        starts = breaks(self.buffer.line(number), self._room) if self._wrap else [0]
        return [-1, *starts] if number == self.buffer.dropped and self.buffer.dropped else starts

    def _moved(self, place: Place, by: int) -> Place:
        """`by` rows further down (or up), within the text."""
        first, last = self.buffer.dropped, self.buffer.end - 1
        if last < first:
            return (first, 0)
        number, row = place
        if number < first:
            number, row = first, 0
        number = min(number, last)
        row = min(row, len(self._rows(number)) - 1) + by
        while row < 0 and number > first:
            number -= 1
            row += len(self._rows(number))
        while number < last and row >= (rows := len(self._rows(number))):
            row -= rows
            number += 1
        return number, max(0, min(row, len(self._rows(number)) - 1))

    def _end(self) -> Place:
        """The top of the last page."""
        last = self.buffer.end - 1
        if last < self.buffer.dropped:
            return (self.buffer.dropped, 0)
        return self._moved((last, len(self._rows(last)) - 1), 1 - max(1, self.size.height))

    def _window(self) -> list[Spans]:
        wanted: list[Spans] = []
        number, skip = self._top
        height = self.size.height
        while len(wanted) < height and number < self.buffer.end:
            text = self.buffer.line(number)
            starts = self._rows(number)
            pieces = self._pieces(number, text)
            for row, start in enumerate(starts[skip:], skip):
                if len(wanted) == height:
                    break
                if start < 0:
                    wanted.append(((f"{self.buffer.dropped:,} earlier lines dropped", "notice"),))
                    continue
                stop = starts[row + 1] if row + 1 < len(starts) else len(text)
                wanted.append(_slice(pieces, start, stop))
            number, skip = number + 1, 0
        return wanted + [()] * (height - len(wanted))

    def _pieces(self, number: int, text: str) -> Spans:
        """The line in pieces of one style each."""
        marks: list[tuple[int, int, str]] = []
        if self._syntax == "yaml":
            if key := _YAML_KEY.match(text):
                marks.append((key.start(2), key.end(2), "key"))
            if comment := _YAML_COMMENT.search(text):
                marks.append((comment.start(), comment.end(), "muted"))
        if self._needle is not None:
            style = "hit" if number == self._hit else "match"
            marks += [(found.start(), found.end(), style) for found in self._needle.finditer(text)]
        return _styled(text, marks)

    # Painting

    def _paint(self) -> None:
        self._due = False
        if not self.is_mounted or not self.size:
            return
        self._painted_at = time.monotonic()
        end = self._end()
        self._top = end if self.following else min(self._moved(self._top, 0), end)
        wanted, painted = self._window(), self._painted
        height, total = self.size.height, len(self.buffer)
        size = 0 if total <= height else max(1, height * height // total)
        below = max(1, end[0] - self.buffer.dropped)
        start = round((self._top[0] - self.buffer.dropped) / below * (height - size)) if size else 0
        old, self._thumb, self._painted = self._thumb, (start, start + size), wanted
        if len(painted) != height:
            self.refresh()
        else:
            regions = [
                Region(0, y, min(self._room, max(self._taken(a), self._taken(b))), 1)
                for y, (a, b) in enumerate(zip(wanted, painted, strict=True))
                if a != b
            ]
            bar = set(range(*old)) ^ set(range(*self._thumb))
            regions += [Region(self._room, y, 1, 1) for y in bar]
            if regions := [region for region in regions if region.width > 0]:
                self.refresh(*regions)
        if (status := self.status) != self._said:
            self._said = status
            self.post_message(self.StatusChanged(self, status))

    def _taken(self, pieces: Spans) -> int:
        """Cells of the view that a row takes."""
        return _length(pieces) - (0 if _is_notice(pieces) else self._left)

    def render_line(self, y: int) -> Strip:
        if self.size.width <= 1:
            return Strip.blank(self.size.width, self._style(""))
        pieces = self._painted[y] if y < len(self._painted) else ()
        strip = Strip([Segment(text, self._style(name)) for text, name in pieces])
        left = 0 if _is_notice(pieces) else self._left
        body = strip.crop_extend(left, left + self._room, self._style(""))
        bar = Segment(THUMB if self._thumb[0] <= y < self._thumb[1] else " ", self._style("bar"))
        return Strip([*body, bar], self.size.width)

    def _style(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = part_style(self, f"lines--{name}" if name else "")
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    def on_mount(self) -> None:
        self._paint()

    def on_resize(self) -> None:
        self._painted = []
        self._paint()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self.action_move(-3)

    # Actions

    def _go(self, place: Place) -> None:
        end = self._end()
        self._top = min(place, end)
        self.following = self._top >= end
        self._paint()

    def action_move(self, by: int) -> None:
        self._go(self._moved(self._top, by))

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))

    def action_top(self) -> None:
        self._go((self.buffer.dropped, 0))

    def action_end(self) -> None:
        self._go(self._end())

    def action_side(self, by: int) -> None:
        if self._wrap:
            return
        most = max((_length(spans) for spans in self._painted), default=0) - self._room
        left = max(0, min(self._left + by * SIDE_STEP, max(most, self._left if by < 0 else 0)))
        self._set_left(left)
        self._paint()

    def _set_left(self, left: int) -> None:
        if left != self._left:
            self._left = left
            self._painted = []

    def action_wrap(self) -> None:
        self._wrap = not self._wrap
        self._top = (self._top[0], 0)
        self._left, self._painted = 0, []
        self._paint()

    def action_next(self, by: int) -> None:
        """To the next place (or the one before) of what is searched, around the end."""
        if self._needle is not None and self.is_mounted:
            self.run_worker(self._seek(self._needle, by), group="search", exclusive=True, exit_on_error=False)

    async def _seek(self, needle: re.Pattern[str], by: int) -> None:
        buffer = self.buffer
        start = self._hit + by if self._hit is not None else self._top[0]
        turn = time.monotonic() + SLICE_SECONDS
        for step in range(len(buffer)):
            first, total = buffer.dropped, len(buffer)
            number = first + (start - first + step * by) % total
            if needle.search(buffer.line(number)):
                self._show(number, needle)
                return
            if time.monotonic() > turn:
                await asyncio.sleep(0)
                turn = time.monotonic() + SLICE_SECONDS
        self._hit = None
        self._paint()

    def _show(self, number: int, needle: re.Pattern[str]) -> None:
        self._hit = number
        found = needle.search(self.buffer.line(number))
        if found is not None and not self._wrap:
            at = width(self.buffer.line(number)[: found.start()])
            if not self._left <= at < self._left + self._room:
                self._set_left(max(0, at - self._room // 2))
        bottom = self._moved(self._top, max(0, self.size.height - 2))
        if self._top <= (number, 0) <= bottom:
            self.following = False
            self._paint()
        else:
            self._go(self._moved((number, 0), -(self.size.height // 3)))


def _styled(text: str, marks: list[tuple[int, int, str]]) -> Spans:
    """The text with later marks over earlier ones."""
    if not marks:
        return ((text, ""),) if text else ()
    edges = sorted({0, len(text), *(edge for start, stop, _ in marks for edge in (start, stop))})
    pieces = []
    for start, stop in itertools.pairwise(edges):
        name = next((name for low, high, name in reversed(marks) if low <= start < high), "")
        pieces.append((text[start:stop], name))
    return tuple(pieces)


def _slice(pieces: Spans, start: int, stop: int) -> Spans:
    """The characters from `start` to `stop`."""
    out, at = [], 0
    for text, name in pieces:
        low, high = max(start - at, 0), min(stop - at, len(text))
        if low < high:
            out.append((text[low:high], name))
        at += len(text)
    return tuple(out)


def _is_notice(pieces: Spans) -> bool:
    return bool(pieces) and pieces[0][1] == "notice"


def _length(pieces: Spans) -> int:
    return sum(width(text) for text, _ in pieces)
