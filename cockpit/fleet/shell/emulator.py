"""What a shell's bytes look like: a small screen of cells, drawn by pyte as the Linux console would (TERM=linux).

Nothing of it reaches the user's own terminal: whoever draws the cells makes their text printable.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import Any

import pyte
from pyte.screens import Char, wcwidth

log = logging.getLogger(__name__)

TERM = "linux"
"""The terminfo entry whose sequences pyte understands; it knows no mouse, no titles that ask back, no palette."""
_ALTERNATE = frozenset({47, 1047, 1049})
"""Private modes of the alternate screen (xterm ctlseqs), which some programs use whatever TERM says."""
_STRING = re.compile(rb"\x1b[\]PX^_]|\xc2[\x90\x98\x9d-\x9f]")
"""OSC, DCS, SOS, PM, APC begin a string that means nothing here and may never end (ECMA-48, 5.6)."""
_STRING_END = re.compile(rb"\x07|\x1b\\|\xc2\x9c|\x18|\x1a")
_PARAMETERS = re.compile(rb"[\x20-\x3f]*")
_MEANINGLESS = re.compile(rb"[\x00-\x06\x10-\x17\x19\x1c-\x1f\x7f]|\xc2[\x80-\x9a\x9c]")
"""Controls that draw nothing; pyte would lose what stands after one of them."""
_ALONE = re.compile(rb"([\x18\x1a])")
"""CAN and SUB end a sequence and draw nothing either; so they are given to pyte by themselves."""
_CANCEL = b"\x18"
"""Ends a control sequence that was cut in the middle; draws nothing."""
_PIECE = 512
"""Bytes that are given to pyte at once, and the longest that the parameters of one sequence may be."""


class _Screen(pyte.Screen):
    """With an alternate screen, and answers collected instead of thrown away."""

    def __init__(self, columns: int, rows: int) -> None:
        self.answers = bytearray()
        self._main: dict[int, dict[int, Char]] | None = None
        super().__init__(columns, rows)

    def draw(self, data: str) -> None:
        """pyte stops at a character without a width, and loses what stands after it."""
        if not data.isascii():
            data = "".join(char for char in data if wcwidth(char) > 0 or unicodedata.combining(char))
        super().draw(data)

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        if kwargs.get("private") and _ALTERNATE.intersection(modes) and self._main is None:
            self._main = {y: dict(line) for y, line in self.buffer.items()}
            self.erase_in_display(2)
        super().set_mode(*modes, **kwargs)

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        if kwargs.get("private") and _ALTERNATE.intersection(modes) and self._main is not None:
            main, self._main = self._main, None
            self.erase_in_display(2)
            for y, line in main.items():
                self.buffer[y].update(line)
            self.dirty.update(range(self.lines))
        super().reset_mode(*modes, **kwargs)

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """As terminals do: rows go at the bottom while the cursor's row stays, and only then at the top."""
        gone = self.lines - (lines or self.lines)
        y = self.cursor.y
        if gone > 0:
            above = max(0, y + 1 - (self.lines - gone))
            self.set_margins()
            self.cursor_position()
            self.insert_lines(gone - above)
            y -= above
        super().resize(lines, columns)
        self.cursor.y = y
        self.ensure_hbounds()
        self.ensure_vbounds()
        self.dirty.update(range(self.lines))

    def write_process_input(self, data: str) -> None:
        self.answers += data.encode()


class _Tolerant:
    """pyte trusts the parameters of a sequence and raises all sorts of errors over bad ones: those are not drawn."""

    def __init__(self, screen: _Screen) -> None:
        self._screen = screen

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._screen, name)

        def call(*args: Any, **kwargs: Any) -> None:
            try:
                found(*args, **kwargs)
            except Exception as error:
                log.debug("a sequence that is not drawn: %s%r: %r", name, args, error)

        return call


class Emulator:
    """Any bytes are allowed; none of them raises, and what they build up is bounded by the size of the screen."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._screen = _Screen(columns, rows)
        self._stream = pyte.ByteStream(_Tolerant(self._screen))
        self._in_string = False
        self._held = b""
        self._suspect = False
        """The last piece may have been the middle of an endless sequence."""

    @property
    def columns(self) -> int:
        return self._screen.columns

    @property
    def rows(self) -> int:
        return self._screen.lines

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row); None while the program hides it."""
        cursor = self._screen.cursor
        return None if cursor.hidden else (min(cursor.x, self.columns - 1), min(cursor.y, self.rows - 1))

    def feed(self, data: bytes) -> bytes:
        """Draw it; gives what a terminal answers to the program (cursor position, kind of device)."""
        text = _MEANINGLESS.sub(b"", self._without_strings(data))
        for start in range(0, len(text), _PIECE):
            piece = text[start : start + _PIECE]
            if self._suspect:
                self._draw(_CANCEL)
            for part in _ALONE.split(piece):
                self._draw(part)
            self._suspect = len(piece) == _PIECE and _PARAMETERS.fullmatch(piece) is not None
        answers = bytes(self._screen.answers)
        self._screen.answers.clear()
        return answers

    def _draw(self, part: bytes) -> None:
        try:
            self._stream.feed(part)
        except Exception as error:  # digits that are none; pyte has reset its parser
            log.debug("bytes that are not drawn: %r", error)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(lines=rows, columns=columns)

    def row(self, y: int) -> list[Char]:
        """The cells of one row; the second half of a wide character is empty."""
        line = self._screen.buffer[y]
        return [line[x] for x in range(self.columns)]

    def changed(self) -> set[int]:
        """Rows that are others since this was last asked."""
        dirty = {y for y in self._screen.dirty if y < self.rows}
        self._screen.dirty.clear()
        return dirty

    def text(self) -> str:
        """All rows, plain."""
        return "\n".join("".join(char.data for char in self.row(y)).rstrip() for y in range(self.rows))

    def _without_strings(self, data: bytes) -> bytes:
        data, self._held = self._held + data, b""
        out, at = bytearray(), 0
        while at < len(data):
            found = (_STRING_END if self._in_string else _STRING).search(data, at)
            end = len(data) if found is None else found.start()
            if not self._in_string:
                out += data[at:end]
            if found is None:
                break
            self._in_string = not self._in_string
            at = found.end()
        if data[-1:] in (b"\x1b", b"\xc2"):  # the first byte of a mark whose second is still to come
            self._held = data[-1:]
            if not self._in_string and out[-1:] == self._held:
                del out[-1:]
        return bytes(out)
