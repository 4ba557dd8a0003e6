"""Several texts in columns that scroll as one: lines that are the same stand beside each other."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import get_character_cell_size

from cockpit.tui.terminal.cells import fitted
from cockpit.tui.widgets.line_buffer import drawable
from cockpit.tui.widgets.span_lines import SIDE_STEP, SpanLines, Spans, searched, styled

SIGN_CELLS = 2
LEAST_CELLS = 16
"""Of a column; columns for which there is no room are left out, and that is said."""


class BesideLines(SpanLines):
    """The first column is what the others are compared with: "≠" stands before what differs, "+" before what is new."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._titles: tuple[str, ...] = ()
        self._rows: list[tuple[str | None, ...]] = []
        self._top = 0
        self._side = 0
        self._needle: re.Pattern[str] | None = None
        self._searched = ""
        self._hit: int | None = None

    def show(self, titles: Sequence[str], rows: Sequence[tuple[str | None, ...]]) -> None:
        """Raw text, already side by side."""
        self._titles = tuple(drawable(title) for title in titles)
        self._rows = [tuple(None if text is None else drawable(text) for text in row) for row in rows]
        self._hit = None
        self._paint()

    def search(self, text: str) -> None:
        """Highlight the text and go to its next place. Empty: stop."""
        self._needle, self._searched, self._hit = searched(text), text, None
        if text:
            self.action_next(1)
        else:
            self._paint()

    @property
    def status(self) -> str:
        left_out = len(self._titles) - self._columns
        parts = [f"{left_out} more where there is more room"] if left_out > 0 else []
        if self._searched:
            parts.append(f"/{self._searched}" if self._hit is not None else f"/{self._searched}: not found")
        return " · ".join(parts)

    def text(self) -> str:
        """All of it, cells between tabs."""
        return "\n".join("\t".join(text or "" for text in row) for row in (self._titles, *self._rows))

    @property
    def _columns(self) -> int:
        """Those that there is room for."""
        return max(1, min(len(self._titles), self.room // LEAST_CELLS))

    @property
    def _body(self) -> int:
        return max(0, self.size.height - 1)

    def _paint(self) -> None:
        height = self.size.height
        if not self.is_mounted or not height:
            return
        self._top = max(0, min(self._top, len(self._rows) - self._body))
        wanted: list[Spans] = [self._line([(title, "key", "  ") for title in self._titles])]
        for number in range(self._top, min(len(self._rows), self._top + self._body)):
            wanted.append(self._line(self._judged(self._rows[number]), number))
        total = len(self._rows)
        size = 0 if total <= self._body else max(1, self._body * self._body // total)
        start = round(self._top / max(1, total - self._body) * (self._body - size)) + 1 if size else 0
        self.draw([*wanted, *[()] * (height - len(wanted))], (start, start + size))

    def _judged(self, row: tuple[str | None, ...]) -> list[tuple[str, str, str]]:
        """(text, style, sign) of each column."""
        base, found = row[0], []
        for place, text in enumerate(row):
            if text is None:
                found.append(("", "", "  "))
            elif place == 0 or text == base:
                found.append((text, "", "  "))
            else:
                found.append((text, "removed", "+ " if base is None else "≠ "))
        return found

    def _line(self, cells: Sequence[tuple[str, str, str]], number: int | None = None) -> Spans:
        count = self._columns
        share = (self.room - (count - 1)) // count
        pieces: list[tuple[str, str]] = []
        for place, (text, style, sign) in enumerate(cells[:count]):
            if place:
                pieces.append(("│", "bar"))
            side = self._side if number is not None else 0
            shown = fitted(_from(text, side), max(0, share - SIGN_CELLS))
            marks = []
            if self._needle is not None and number is not None:
                look = "hit" if number == self._hit else "match"
                marks = [(found.start(), found.end(), look) for found in self._needle.finditer(shown)]
            pieces.append((sign, style))
            pieces += styled(shown, marks, style)
        return tuple(pieces)

    def on_mount(self) -> None:
        self._paint()

    def on_resize(self) -> None:
        self.forget_painted()
        self._paint()

    # Actions

    def action_move(self, by: int) -> None:
        self._top += by
        self._paint()

    def action_top(self) -> None:
        self._top = 0
        self._paint()

    def action_end(self) -> None:
        self._top = len(self._rows)
        self._paint()

    def action_side(self, by: int) -> None:
        widest = max((len(text) for row in self._rows for text in row if text), default=0)
        self._side = max(0, min(self._side + by * SIDE_STEP, widest - LEAST_CELLS if by > 0 else self._side))
        self._paint()

    def action_wrap(self) -> None:
        """Columns are not wrapped: their lines would no longer stand beside each other."""

    def action_next(self, by: int) -> None:
        """To the next row (or the one before) with what is searched, around the end."""
        needle, total = self._needle, len(self._rows)
        if needle is None or not total:
            return
        start = self._top if self._hit is None else self._hit + by
        places = ((start + step * by) % total for step in range(total))
        self._hit = next((n for n in places if any(text and needle.search(text) for text in self._rows[n])), None)
        if self._hit is not None and not self._top <= self._hit < self._top + self._body:
            self._top = self._hit - self._body // 3
        self._paint()


def _from(text: str, cells: int) -> str:
    """What is left of the text when so many cells are cut off its beginning."""
    if text.isascii():
        return text[cells:]
    for place, character in enumerate(text):
        if cells <= 0:
            return text[place:]
        cells -= get_character_cell_size(character)
    return ""
