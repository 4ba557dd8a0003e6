"""Kept logs page by page: which lines are shown, how each is drawn, and where a text is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from cockpit.pods.logs.kept import Kept
from cockpit.pods.logs.lines import Shown, prefix, text
from cockpit.pods.logs.ring import Ring
from cockpit.pods.logs.scan import Chosen, Scan
from cockpit.pods.logs.stream import GOES_ON, NOTICE, Stream
from cockpit.tui.paged import Page, Place, Row, Shape
from cockpit.tui.widgets.line_buffer import breaks, drawable

SLICE_SECONDS = 0.02
"""A search holds the thread for so long; then a page may be read."""
PREFIX_CELLS = (12, 28)
"""A fifth of the width, between these."""
SHOWN_STAMP = len("2026-01-02T03:04:05.123")
"""Of a timestamp; files get all of it."""


class LogRow(Row, frozen=True, gc=False):
    """A row of a line that somebody said."""

    lead: int
    """Characters before what was said: the prefix."""
    said: int
    """Characters before its text: the prefix and the timestamp."""
    who: str
    """Its stream, as it is named; empty for none."""
    notice: bool
    """Cockpit says it."""
    found: bool
    """It has the text that is searched."""


class LogPages:
    """A `Paged` whose offsets are numbers of lines. `streams` and the options may change at any time."""

    def __init__(self, kept: Kept, streams: Sequence[Stream], shown: Shown) -> None:
        self.kept, self.streams, self.shown = kept, streams, shown
        self.scan: Scan | None = None
        self.filtered = False
        self.around = 0
        """Lines that a filter shows around each that it finds."""
        self.dropped = 0
        """Lines that fell off, by the last page."""
        self.fault = ""
        """Why lines are kept in memory, by the last page."""

    async def page(self, at: Place, by: int, shape: Shape, *, end: bool) -> Page:
        return await self.kept.do(lambda ring: self._page(ring, at, by, shape, end))

    async def search(self, needle: str) -> None:
        """Look for another text from now on; empty: for none."""
        stamps = self.shown.stamps
        self.scan = await self.kept.do(lambda ring: Scan(ring, needle, stamps=stamps)) if needle else None

    async def advance(self) -> bool:
        """Look through a little more; True when all was."""
        scan = self.scan
        return scan is None or await self.kept.do(lambda _: scan.advance(SLICE_SECONDS))

    async def find(self, text: str, start: int, by: int) -> int | None:
        """As soon as it is certain, which may be before all was looked through."""
        scan = self.scan
        while scan is not None and scan is self.scan:
            done = await self.advance()
            found = scan.next(start, by)
            if found is not None and (by > 0 or scan.seen(start)):
                return found
            if done:
                return scan.next(0, 1) if by > 0 else scan.next(1 << 62, -1)
        return None

    def close(self) -> None:
        self.kept.close()

    # -- in the thread -----------------------------------------------------------------------------

    def _page(self, ring: Ring, at: Place, by: int, shape: Shape, end: bool) -> Page:
        scan = self.scan
        if scan is not None:
            scan.advance(SLICE_SECONDS / 2)
        self.dropped, self.fault = ring.dropped, ring.fault
        chosen = Chosen(ring, scan, self.around) if self.filtered and scan is not None else Chosen(ring)
        last = self._last(ring, chosen, shape)
        top = last if end else min(self._moved(ring, chosen, at, by, shape), last)
        rows = list(islice(self._down(ring, chosen, top, shape), shape.rows + 1))
        after = rows[-1].line if len(rows) > shape.rows else ring.end
        return Page(top, tuple(rows[: shape.rows]), ring.end, after, top >= last, ring.first)

    def _down(self, ring: Ring, chosen: Chosen, at: Place, shape: Shape) -> Iterator[LogRow]:
        for number in chosen.after(at[0]):
            rows = self._rows(ring, number, shape)
            yield from rows[min(at[1], len(rows) - 1) :] if number == at[0] else rows

    def _up(self, ring: Ring, chosen: Chosen, at: Place, shape: Shape) -> Iterator[LogRow]:
        """The rows above, the nearest first."""
        if at[1] and ring.first <= at[0] < ring.end:
            yield from reversed(self._rows(ring, at[0], shape)[: at[1]])
        for number in chosen.before(at[0]):
            yield from reversed(self._rows(ring, number, shape))

    def _moved(self, ring: Ring, chosen: Chosen, at: Place, by: int, shape: Shape) -> Place:
        if by >= 0:
            row = next(islice(self._down(ring, chosen, at, shape), by, None), None)
            return (ring.end, 0) if row is None else (row.line, row.place)
        above = list(islice(self._up(ring, chosen, at, shape), -by))
        return (above[-1].line, above[-1].place) if len(above) == -by else (ring.first, 0)

    def _last(self, ring: Ring, chosen: Chosen, shape: Shape) -> Place:
        """The top of the last page."""
        rows = list(islice(self._up(ring, chosen, (ring.end, 0), shape), max(1, shape.rows)))
        return (rows[-1].line, rows[-1].place) if rows else (ring.first, 0)

    def _rows(self, ring: Ring, number: int, shape: Shape) -> list[LogRow]:
        """The oldest line has a row above it that says how many were dropped before it."""
        line = ring.line(number)
        who = prefix(line.tag, self.streams)
        lead = drawable(f"{_short(who, shape.cells)} ") if who and self.shown.prefix else ""
        if line.tag & GOES_ON:
            lead += "… "
        own = text(line.data, stamps=False)
        stamped = line.data[: len(line.data) - len(own)] if self.shown.stamps else b""
        said = lead + (drawable(stamped[:SHOWN_STAMP].decode("ascii", "replace")) + " " if stamped else "")
        whole = said + drawable(own.decode("utf-8", "replace"))
        starts = breaks(whole, shape.cells) if shape.wrap else [0]
        ends = [*starts[1:], len(whole)]
        found = self.scan is not None and _has(self.scan.hits, number)
        notice = bool(line.tag & NOTICE)
        rows: list[LogRow] = []
        if ring.dropped and number == ring.first:
            dropped = f"{ring.dropped:,} earlier lines dropped"
            rows.append(LogRow(number, dropped, 0, len(dropped), 0, 0, 0, "", True, False))
        for low, high in zip(starts, ends, strict=True):
            rows.append(LogRow(number, whole, low, high, len(rows), len(lead), len(said), who, notice, found))
        return rows


def _short(name: str, cells: int) -> str:
    """The same for the same name; of a long one more of its end, where pods of one workload differ."""
    least, most = PREFIX_CELLS
    room = max(least, min(most, cells // 5))
    if len(name) <= room:
        return name
    head = room // 3
    return f"{name[:head]}…{name[head + 1 - room :]}"


def _has(hits: Sequence[int], number: int) -> bool:
    place = bisect_left(hits, number)
    return place < len(hits) and hits[place] == number
