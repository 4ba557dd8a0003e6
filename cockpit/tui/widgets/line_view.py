"""Lines of text: logs, events, YAML, output of tasks. Bounded, searchable, cheap to add to."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Literal, TypeAlias

from cockpit.tui.widgets.line_buffer import MOST_BYTES, MOST_LINES, LineBuffer, breaks
from cockpit.tui.widgets.span_lines import SpanLines, Spans, cut, searched, styled

PAINT_SECONDS = 0.1
"""New lines are painted at most so often."""
SLICE_SECONDS = 0.005
_YAML_KEY = re.compile(r"^(\s*(?:- )*)([^\s:#'\"\-][^:#]*?|\"[^\"]*\")(:)(?=\s|$)")
_YAML_COMMENT = re.compile(r"(?:^|\s)#.*$")
_DIFF = {"+": "added", "-": "removed", "@": "hunk"}

Place: TypeAlias = tuple[int, int]
"""(line number, row within the wrapped line)."""
Syntax: TypeAlias = Literal["", "yaml", "diff"]


class LineView(SpanLines):
    """Follows the end until one scrolls up, and again once one is back at the end."""

    def __init__(
        self,
        *,
        id: str | None = None,
        follow: bool = False,
        wrap: bool = False,
        syntax: Syntax = "",
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        super().__init__(id=id, wrap=wrap)
        self.buffer = LineBuffer(most_lines, most_bytes)
        self.following = follow
        self.ended = False
        """No more lines will come; there is nothing to follow."""
        self._syntax = syntax
        self._top: Place = (0, 0)
        self._needle: re.Pattern[str] | None = None
        self._hit: int | None = None
        self._searched = ""
        self._painted_at = 0.0
        self._due = False

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
        self._needle = searched(text)
        self._hit, self._searched = None, text
        if text:
            self.action_next(1)
        else:
            self._paint()

    @property
    def status(self) -> str:
        parts = [f"{len(self.buffer):,} lines"]
        if self.buffer.dropped:
            parts.append(f"{self.buffer.dropped:,} earlier lines dropped")
        if self.following and not self.ended:
            parts.append("following")
        if self._searched:
            parts.append(f"/{self._searched}" if self._hit is not None else f"/{self._searched}: not found")
        return " · ".join(parts)

    # Rows

    def _rows(self, number: int) -> list[int]:
        """The starts of the rows of a line; the first line there is has a row (-1) before it when some are dropped."""
        starts = breaks(self.buffer.line(number), self.room) if self._wrap else [0]
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
                wanted.append(cut(pieces, start, stop))
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
        if self._syntax == "diff" and (style := _DIFF.get(text[:1])):
            marks.append((0, len(text), style))
        if self._needle is not None:
            style = "hit" if number == self._hit else "match"
            marks += [(found.start(), found.end(), style) for found in self._needle.finditer(text)]
        return styled(text, marks)

    # Painting

    def _paint(self) -> None:
        self._due = False
        if not self.is_mounted or not self.size:
            return
        self._painted_at = time.monotonic()
        end = self._end()
        self._top = end if self.following else min(self._moved(self._top, 0), end)
        wanted = self._window()
        height, total = self.size.height, len(self.buffer)
        size = 0 if total <= height else max(1, height * height // total)
        below = max(1, end[0] - self.buffer.dropped)
        start = round((self._top[0] - self.buffer.dropped) / below * (height - size)) if size else 0
        self.draw(wanted, (start, start + size))

    def on_mount(self) -> None:
        self._paint()

    def on_resize(self) -> None:
        self.forget_painted()
        self._paint()

    # Actions

    def _go(self, place: Place) -> None:
        end = self._end()
        self._top = min(place, end)
        self.following = self._top >= end
        self._paint()

    def action_move(self, by: int) -> None:
        self._go(self._moved(self._top, by))

    def action_top(self) -> None:
        self._go((self.buffer.dropped, 0))

    def action_end(self) -> None:
        self._go(self._end())

    def action_side(self, by: int) -> None:
        if self.scroll_side(by):
            self._paint()

    def action_wrap(self) -> None:
        self._wrap = not self._wrap
        self._top = (self._top[0], 0)
        self.set_left(0)
        self.forget_painted()
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
        if found is not None:
            self.bring_in(self.buffer.line(number), found.start())
        bottom = self._moved(self._top, max(0, self.size.height - 2))
        if self._top <= (number, 0) <= bottom:
            self.following = False
            self._paint()
        else:
            self._go(self._moved((number, 0), -(self.size.height // 3)))
