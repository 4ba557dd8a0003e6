"""A kept line as bytes for a file, a pipe or the clipboard."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from cockpit.pods.logs import stamp
from cockpit.pods.logs.stream import NUMBER, Stream


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


def whole(data: bytes, tag: int, streams: Sequence[Stream], shown: Shown) -> bytes:
    """As it is shown, without its end."""
    own = text(data, stamps=shown.stamps)
    before = prefix(tag, streams) if shown.prefix else ""
    return f"[{before}] ".encode("utf-8", "replace") + own if before else own
