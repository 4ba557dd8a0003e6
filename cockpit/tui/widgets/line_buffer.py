"""Lines of a log in bounded memory, safe to draw, and cut into rows."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from rich.cells import get_character_cell_size

from cockpit.model.printable import printable

MOST_LINES = 100_000
MOST_BYTES = 64 * 1024 * 1024
MOST_LINE_CHARS = 32_768
TAB = 8
_COLOURS = re.compile(r"\x1b\[[0-9;:]*[mK]")


def drawable(line: str) -> str:
    """One line without colours, tabs and line ends, safe to draw; a very long one is cut and says so."""
    line = line.rstrip("\r\n")
    if "\x1b" in line:
        line = _COLOURS.sub("", line)
    if "\t" in line:
        line = line.expandtabs(TAB)
    if len(line) > MOST_LINE_CHARS:
        line = f"{line[:MOST_LINE_CHARS]}… ({len(line) - MOST_LINE_CHARS:,} more characters)"
    return printable(line)


def breaks(text: str, cells: int) -> list[int]:
    """Where the rows of a wrapped text begin, as character offsets. At least one row."""
    if cells <= 0 or (text.isascii() and len(text) <= cells):
        return [0]
    if text.isascii():
        return list(range(0, len(text), cells))
    starts, taken = [0], 0
    for offset, character in enumerate(text):
        size = get_character_cell_size(character)
        if taken + size > cells and offset > starts[-1]:
            starts.append(offset)
            taken = 0
        taken += size
    return starts


class LineBuffer:
    """Lines by number: the first that was ever added is 0, and numbers stay when old lines fall off."""

    def __init__(self, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._most_lines, self._most_bytes = max(1, most_lines), most_bytes
        self._lines: list[str] = []
        self._bytes = 0
        self._start = 0
        self.dropped = 0
        """Lines that fell off; also the number of the first one there is."""

    def __len__(self) -> int:
        return len(self._lines) - self._start

    def __iter__(self) -> Iterator[str]:
        for place in range(self._start, len(self._lines)):
            yield self._lines[place]

    @property
    def end(self) -> int:
        """One past the number of the last line."""
        return self.dropped + len(self)

    def line(self, number: int) -> str:
        """Raises IndexError when it has fallen off or is not there yet."""
        if not self.dropped <= number < self.end:
            raise IndexError(number)
        return self._lines[self._start + number - self.dropped]

    def add(self, lines: Iterable[str]) -> None:
        added = [drawable(line) for line in lines]
        self._lines += added
        self._bytes += sum(map(sys.getsizeof, added))
        while len(self) > self._most_lines or (self._bytes > self._most_bytes and len(self) > 1):
            self._bytes -= sys.getsizeof(self._lines[self._start])
            self._lines[self._start] = ""
            self._start += 1
            self.dropped += 1
        if self._start > self._most_lines // 4 + 1:
            del self._lines[: self._start]
            self._start = 0

    def clear(self) -> None:
        self._lines.clear()
        self._bytes = self._start = self.dropped = 0
