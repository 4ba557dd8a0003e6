"""A file page by page for a screen: read in a thread of its own, so that neither a slow disk nor a search holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from msgspec import Struct

from cockpit.fleet.results.pages import Line, Pages
from cockpit.model import errors
from cockpit.tui.widgets.line_buffer import breaks, drawable

SEARCH_BYTES = 16 * 2**20
"""Searched in one go; between two a search can be given up."""

Place: TypeAlias = tuple[int, int]
"""(offset of the line, row within the wrapped line)."""
R = TypeVar("R")


class Shape(Struct, frozen=True):
    """What a page has to fit."""

    rows: int
    cells: int
    wrap: bool


class Row(Struct, frozen=True, gc=False):
    """One row of a page: the characters `low` to `high` of a line."""

    line: int
    """Offset of the line."""
    text: str
    """The whole line, safe to draw."""
    low: int
    high: int
    place: int
    """Which row of the line it is."""


class Page(Struct, frozen=True):
    top: Place
    rows: tuple[Row, ...]
    size: int
    """Bytes of the file."""
    after: int
    """Offset of what comes below the page."""
    at_end: bool
    """There is nothing below it."""
    begin: int = 0
    """Offset of the first line there is."""


class Paged(Protocol):
    """What a view shows page by page. Offsets may be numbers of lines; they never change their meaning."""

    async def page(self, at: Place, by: int, shape: Shape, *, end: bool) -> Page:
        """The page that begins `by` rows below `at`, or the last one. Raises errors.SourceError."""

    async def find(self, text: str, start: int, by: int) -> int | None:
        """Offset of the line with the next place of a text at or after `start` (by=-1: before it), around the end."""

    def close(self) -> None:
        """It is not shown any more."""


class PagedFile:
    """Close it when it is not shown any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pages = Pages(path)
        self._thread = ThreadPoolExecutor(1, "pages")

    def close(self) -> None:
        self._thread.submit(self._pages.close)
        self._thread.shutdown(wait=False)

    async def page(self, at: Place, by: int, shape: Shape, *, end: bool) -> Page:
        """The page that begins `by` rows below `at`, or the last one. Raises errors.SourceError."""
        return await self._do(lambda: page(self._pages, at, by, shape, end=end))

    async def line_at(self, number: int) -> int:
        """Offset of a line by its number, counted from 0; that of the end when there are not so many."""

        def look() -> int:
            found = self._pages.line_at(number)
            return self._pages.size() if found is None else found

        return await self._do(look)

    async def head(self, most_bytes: int) -> bytes | None:
        """All of it, or None when it is longer."""
        return await self._do(lambda: self._pages.read(0, most_bytes) if self._pages.size() <= most_bytes else None)

    async def find(self, text: str, start: int, by: int) -> int | None:
        """Offset of the line with the next place of a text at or after `start` (by=-1: before it), around the end.

        A text without capitals finds either case of ASCII letters.
        """
        needle, fold = text.encode(), not any(character.isupper() for character in text)
        pages = Pages(self.path)
        try:
            size = await asyncio.to_thread(pages.size)
            start = min(start, size)
            ahead, behind = list(_spans(start, size)), list(_spans(0, start))
            for low, high in [*ahead, *behind] if by > 0 else [*behind[::-1], *ahead[::-1]]:
                look = pages.find if by > 0 else pages.find_last
                at = await asyncio.to_thread(look, needle, low, high, fold=fold)
                if at is not None:
                    return await asyncio.to_thread(pages.begin, at)
            return None
        except OSError as error:
            raise _refused(self.path, error) from error
        finally:
            pages.close()

    async def _do(self, deed: Callable[[], R]) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, deed)
        except OSError as error:
            raise _refused(self.path, error) from error


def _refused(path: Path, error: OSError) -> errors.SourceError:
    return errors.Denied(f"cannot read {path}: {error.strerror}")


def _spans(start: int, end: int) -> Iterator[tuple[int, int]]:
    for low in range(start, end, SEARCH_BYTES):
        yield low, min(end, low + SEARCH_BYTES)


def page(pages: Pages, at: Place, by: int, shape: Shape, *, end: bool = False) -> Page:
    """See PagedFile.page. Blocks."""
    size = pages.size()
    last = _last(pages, size, shape)
    top = last if end else min(_moved(pages, at, by, size, shape), last)
    rows = tuple(islice(_down(pages, top, size, shape), shape.rows + 1))
    after = rows[-1].line if len(rows) > shape.rows else size
    return Page(top, rows[: shape.rows], size, after, top >= last)


def _rows(line: Line, shape: Shape) -> list[Row]:
    text = drawable(line.data.decode("utf-8", "replace"))
    starts = breaks(text, shape.cells) if shape.wrap else [0]
    ends = [*starts[1:], len(text)]
    return [Row(line.start, text, low, high, n) for n, (low, high) in enumerate(zip(starts, ends, strict=True))]


def _down(pages: Pages, at: Place, size: int, shape: Shape) -> Iterator[Row]:
    for line in pages.after(at[0], size):
        rows = _rows(line, shape)
        yield from rows[min(at[1], len(rows) - 1) :] if line.start == at[0] else rows


def _up(pages: Pages, at: Place, size: int, shape: Shape) -> Iterator[Row]:
    """The rows above, the nearest first."""
    own = next(pages.after(at[0], size), None)
    if own is not None:
        yield from reversed(_rows(own, shape)[: at[1]])
    for line in pages.before(min(at[0], size)):
        yield from reversed(_rows(line, shape))


def _moved(pages: Pages, at: Place, by: int, size: int, shape: Shape) -> Place:
    if by >= 0:
        row = next(islice(_down(pages, at, size, shape), by, None), None)
        return (size, 0) if row is None else (row.line, row.place)
    above = list(islice(_up(pages, at, size, shape), -by))
    return (above[-1].line, above[-1].place) if len(above) == -by else (0, 0)


def _last(pages: Pages, size: int, shape: Shape) -> Place:
    """The top of the last page."""
    rows = list(islice(_up(pages, (size, 0), size, shape), max(1, shape.rows)))
    return (rows[-1].line, rows[-1].place) if rows else (0, 0)
