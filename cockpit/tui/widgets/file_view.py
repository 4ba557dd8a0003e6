"""A file of any size: it opens at once, follows its end while it grows, is searched and wrapped."""

from __future__ import annotations

import asyncio
import re
from typing import Generic, TypeVar

from msgspec.structs import replace

from cockpit.model import errors
from cockpit.model.units import human_bytes
from cockpit.tui.paged import Page, Paged, Place, Row, Shape
from cockpit.tui.widgets.span_lines import SpanLines, Spans, cut, searched, styled

F = TypeVar("F", bound=Paged)


class FileView(SpanLines, Generic[F]):
    """Tell it with `look` that the file may have grown. What is asked while a page is being read is asked together."""

    def __init__(self, file: F, *, follow: bool = False, tone: str = "", id: str | None = None) -> None:
        """`tone` is the style of all text, one of STYLES."""
        super().__init__(id=id)
        self.file = file
        self.following = follow
        self.ended = False
        """It does not grow any more."""
        self._tone = tone
        self._page: Page | None = None
        self._fault = ""
        self._at: Place = (0, 0)
        self._by = 0
        self._reading: asyncio.Task[None] | None = None
        self._again = False
        self._needle: re.Pattern[str] | None = None
        self._searched = ""
        self._seeking: asyncio.Task[None] | None = None
        self._hit: int | None = None
        self._reveal = False
        """The hit is to be brought in sideways once its page is there."""

    # What the app uses

    def look(self) -> None:
        """Read the page anew."""
        self._want()

    def show(self, offset: int) -> None:
        """Bring the line that begins there into view and mark it as the one that is meant."""
        self.following, self._hit, self._reveal = False, offset, True
        self._want(at=(offset, 0), by=-(self.size.height // 3))

    def highlight(self, text: str) -> None:
        """Mark the text where it is seen, and go nowhere; `n` goes to its next place."""
        self._needle, self._searched = searched(text), text
        self._paint()

    def search(self, text: str) -> None:
        """Highlight the text and go to its next place. Empty: stop."""
        self._needle, self._searched, self._hit = searched(text), text, None
        if self._seeking is not None:
            self._seeking.cancel()
            self._seeking = None
        if text:
            self.action_next(1)
        else:
            self._paint()

    def text(self) -> str:
        """The rows that are seen."""
        return "\n".join(row.text[row.low : row.high] for row in self._page.rows) if self._page is not None else ""

    @property
    def status(self) -> str:
        page = self._page
        if page is None:
            return self._fault or "reading ..."
        parts = [human_bytes(page.size)]
        if not page.at_end or page.top > (0, 0):
            parts.append(f"{page.after / page.size:.0%}")
        if self.following and not self.ended:
            parts.append("following")
        if self._seeking is not None and not self._seeking.done():
            parts.append(f"/{self._searched}: searching ...")
        elif self._searched:
            parts.append(f"/{self._searched}" if self._hit is not None else f"/{self._searched}: not found")
        return " · ".join(parts)

    # Reading

    def _want(self, *, at: Place | None = None, by: int = 0) -> None:
        if at is not None:
            self._at, self._by = at, 0
        self._by += by
        self._again = True
        if (self._reading is None or self._reading.done()) and self.is_mounted:
            self._reading = asyncio.create_task(self._read(), name="page")

    async def _read(self) -> None:
        while self._again:
            self._again = False
            at, by, self._by = self._at, self._by, 0
            try:
                page = await self.file.page(at, by, self._shape, end=self.following)
            except errors.SourceError as error:
                self._fault, self._page = str(error), None
            else:
                self._page, self._fault = page, ""
                if self._at == at:
                    self._at = page.top
                if self._reveal:
                    self._bring_in()
            self._paint()

    @property
    def _shape(self) -> Shape:
        return Shape(max(1, self.size.height), self.room, self._wrap)

    def _paint(self) -> None:
        height, page = self.size.height, self._page
        if not self.is_mounted or not height:
            return
        if page is None:
            rows: list[Spans] = [((self._fault, "notice"),)] if self._fault else []
            self.draw([*rows, *[()] * (height - len(rows))], (0, 0))
            return
        rows = [self._spans(row) for row in page.rows[:height]]
        share, whole = page.after - page.top[0], page.size - page.begin
        size = 0 if share >= whole else max(1, height * share // whole)
        start = round((page.top[0] - page.begin) / max(1, whole - share) * (height - size)) if size else 0
        self.draw([*rows, *[()] * (height - len(rows))], (start, start + size))

    def _spans(self, row: Row) -> Spans:
        marks = []
        if self._needle is not None:
            style = "hit" if row.line == self._hit else "match"
            marks = [(found.start(), found.end(), style) for found in self._needle.finditer(row.text)]
        if not marks and row.line == self._hit:
            marks = [(0, len(row.text), "hit")]
        return cut(styled(row.text, marks, self._tone), row.low, row.high)

    def on_mount(self) -> None:
        self._want()

    def on_resize(self) -> None:
        self.forget_painted()
        self._want()

    def on_unmount(self) -> None:
        for task in (self._reading, self._seeking):
            if task is not None:
                task.cancel()

    # Actions

    def action_move(self, by: int) -> None:
        if by > 0 and self._page is not None and self._page.at_end:
            self.following = True
        elif by < 0:
            self.following = False
        self._want(by=by)

    def action_top(self) -> None:
        self.following = False
        self._want(at=(0, 0))

    def action_end(self) -> None:
        self.following = True
        self._want()

    def action_side(self, by: int) -> None:
        if self.scroll_side(by):
            self._paint()

    def action_wrap(self) -> None:
        self._wrap = not self._wrap
        self.set_left(0)
        self.forget_painted()
        self._want(at=(self._at[0], 0))

    def action_next(self, by: int) -> None:
        """To the next place (or the one before) of what is searched, around the end."""
        if self._needle is not None and (self._seeking is None or self._seeking.done()):
            self._seeking = asyncio.create_task(self._seek(self._searched, by), name="search")
            self._seeking.add_done_callback(lambda _: self._paint())

    async def _seek(self, text: str, by: int) -> None:
        hit, page = self._hit, self._page
        start = page.top[0] if hit is None and page is not None else 0 if hit is None else hit
        if hit is not None and by > 0:
            start = await self._below(hit)
        try:
            found = await self.file.find(text, start, by)
        except errors.SourceError as error:
            self._fault = str(error)
            return
        if text == self._searched:
            self._go_to(found)

    def _go_to(self, found: int | None) -> None:
        """The line that was found is the one that is meant."""
        page = self._page
        self._hit = found
        if found is None:
            return
        if page is not None and any(row.line == found for row in page.rows[:-1]):
            self.following = False
            self._bring_in()
        else:
            self.show(found)

    async def _below(self, line: int) -> int:
        """Offset of the line after this one."""
        below = await self.file.page((line, 0), 1, replace(self._shape, rows=1, wrap=False), end=False)
        return below.top[0] if below.top[0] > line else below.size

    def _bring_in(self) -> None:
        """Scroll sideways to what was found, if its line is on the page."""
        rows = self._page.rows if self._page is not None else ()
        for row in rows:
            if row.line == self._hit and self._needle is not None and (found := self._needle.search(row.text)):
                self._reveal = False
                self.bring_in(row.text, found.start())
                return
