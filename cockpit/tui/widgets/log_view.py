"""Kept logs on the screen: they follow, stay in place while lines come, are searched and filtered."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import ClassVar

from cockpit.model import errors
from cockpit.pods.logs.lines import Shown
from cockpit.tui.log_pages import LogPages, LogRow
from cockpit.tui.paged import Row
from cockpit.tui.widgets.file_view import FileView
from cockpit.tui.widgets.span_lines import SpanLines, Spans, cut, searched, styled

PAINT_SECONDS = 0.1
"""New lines are painted at most so often."""
VOICES = 6
NEWEST = 1 << 62
"""A number above that of any line."""


class LogView(FileView[LogPages]):
    """Tell it with `look` that lines have come."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--voice{n}" for n in range(VOICES)}
    DEFAULT_CSS = """
    LogView {
        & > .lines--voice0 { color: $text-primary; }
        & > .lines--voice1 { color: $text-accent; }
        & > .lines--voice2 { color: $text-success; }
        & > .lines--voice3 { color: $text-secondary; }
        & > .lines--voice4 { color: $primary; }
        & > .lines--voice5 { color: $secondary; }
    }
    """

    def __init__(self, pages: LogPages, *, id: str | None = None) -> None:
        super().__init__(pages, follow=True, id=id)
        self._painted_at = 0.0
        self._due = False
        self._counting: asyncio.Task[None] | None = None

    # What the screen uses

    def look(self) -> None:
        """Lines have come: paint soon, not at once."""
        wait = self._painted_at + PAINT_SECONDS - time.monotonic()
        if wait <= 0:
            self._paint_now()
        elif not self._due and self.is_mounted:
            self._due = True
            self.set_timer(wait, self._paint_now)

    def show_as(self, shown: Shown) -> None:
        """With other things before each line."""
        again = shown.stamps != self.file.shown.stamps and self._searched
        self.file.shown = shown
        self.forget_painted()
        if again:
            self.search(self._searched)
        self._want()

    def filter(self, on: bool, around: int) -> None:
        """Show only the lines with the text that is searched, and so many around each."""
        self.file.filtered, self.file.around = on, around
        self.forget_painted()
        self._want()

    def search(self, text: str) -> None:
        """Highlight the text and go to its next place. Empty: stop, and show all lines."""
        self._needle, self._searched, self._hit = searched(text), text, None
        if not text:
            self.file.filtered = False
        for task in (self._seeking, self._counting):
            if task is not None:
                task.cancel()
        self._seeking = None
        self._counting = asyncio.create_task(self._begin_search(text), name="count")

    @property
    def searching(self) -> str:
        """The text that is searched."""
        return self._searched

    @property
    def top_line(self) -> int:
        """The number of the first line that is seen; of the next that comes while it follows."""
        page = self._page
        return 0 if page is None else page.size if self.following else page.top[0]

    @property
    def status(self) -> str:
        page = self._page
        if page is None:
            return self._fault or "reading ..."
        parts = []
        if self.following:
            parts.append("following" if not self.ended else "at the end")
        else:
            parts.append(f"{max(0, page.size - page.after):,} lines below")
        if self._searched:
            parts.append(self._search_status())
        return " · ".join(parts)

    def _search_status(self) -> str:
        scan, words = self.file.scan, f"/{self._searched}"
        if scan is None:
            return f"{words}: searching ..."
        if self.file.filtered:
            words = f"only {words}" + (f" ±{self.file.around}" if self.file.around else "")
        if not scan.done:
            return f"{words} {scan.count:,} so far"
        if not scan.count:
            return f"{words}: not found"
        return (
            f"{words} {scan.rank(self._hit):,}/{scan.count:,}" if self._hit is not None else f"{words} {scan.count:,}"
        )

    # Searching

    async def _begin_search(self, text: str) -> None:
        """What was said last is what is wanted where it follows."""
        try:
            await self.file.search(text)
            if text and self.following:
                self._go_to(await self.file.find(text, NEWEST, -1))
            elif text:
                self.action_next(1)
            self._want()
            while not await self.file.advance():
                self._say_status()
                if self.file.filtered:
                    self._want()
        except errors.SourceError as error:
            self._fault = str(error)
        self._want()

    def _say_status(self) -> None:
        if self._page is not None and self.status != self._said:
            self._said = self.status
            self.post_message(SpanLines.StatusChanged(self, self._said))

    # Painting

    def _paint_now(self) -> None:
        self._due = False
        self._painted_at = time.monotonic()
        self._want()

    def _spans(self, row: Row) -> Spans:
        assert isinstance(row, LogRow)
        base = "notice" if row.notice else "muted" if self.file.filtered and not row.found else ""
        marks = [(row.lead, row.said, "muted")]
        if row.lead:
            marks.append((0, row.lead, f"voice{zlib.crc32(row.who.encode()) % VOICES}" if row.who else "muted"))
        if self._needle is not None:
            style = "hit" if row.line == self._hit else "match"
            begin = row.lead if self.file.shown.stamps else row.said
            marks += [(m.start(), m.end(), style) for m in self._needle.finditer(row.text, begin)]
        return cut(styled(row.text, [mark for mark in marks if mark[0] < mark[1]], base), row.low, row.high)

    def on_unmount(self) -> None:
        super().on_unmount()
        if self._counting is not None:
            self._counting.cancel()
