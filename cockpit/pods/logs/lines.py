"""A kept line as bytes for a file, a pipe or the clipboard."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cockpit.pods.logs import stamp
from cockpit.pods.logs.stream import GOES_ON, MORE, NUMBER, Stream


class Shown(Struct, frozen=True):
    """What stands before the text of a line."""

    stamps: bool = False
    prefix: bool = False


def text(data: bytes, *, stamps: bool) -> bytes:
    """The line with or without the server's timestamp."""
    return data if stamps else data[stamp.length(data) :]


def prefix(tag: int, streams: Sequence[Stream]) -> str:
    """Who says it; empty for what is said of the whole."""
    number = tag & NUMBER
    return streams[number].prefix if number < len(streams) else ""


class Writer:
    """Lines one after the other as bytes: the pieces of a long line are one line where nothing came between them."""

    def __init__(self, streams: Sequence[Stream], shown: Shown) -> None:
        self._streams, self._shown = streams, shown
        self._open = -1
        """The stream whose line has no end yet."""

    def write(self, data: bytes, tag: int) -> bytes:
        """What is to be written for this line; with its end, unless it goes on."""
        number = tag & NUMBER
        goes_on = tag & GOES_ON and self._open == number
        before = b"" if self._open < 0 or goes_on else b"\n"
        self._open = number if tag & MORE else -1
        own = text(data, stamps=self._shown.stamps and not goes_on)
        who = prefix(tag, self._streams) if self._shown.prefix and not goes_on else ""
        lead = f"[{who}] ".encode("utf-8", "replace") if who else b""
        return b"%b%b%b%b" % (before, lead, own, b"" if tag & MORE else b"\n")
