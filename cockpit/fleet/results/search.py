"""A text in all the output of a run, read block by block in a thread. Of a line longer than a block, block by block."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from cockpit.fleet.results.compare import spills
from cockpit.fleet.results.record import HostLine
from cockpit.model import errors

MOST = 10_000
"""Places that are found at most."""
BLOCK_BYTES = 1 << 20
TRIED_BYTES = 4096
"""Of a line that a regular expression is tried on."""
SHOWN_BYTES = 1000
"""Of a line that is found."""
SLICE_SECONDS = 0.05
"""In the thread, before what was found is handed over and a cancel is seen."""


class Match(Struct, frozen=True, gc=False):
    """One line with the text."""

    host: str
    stderr: bool
    number: int
    """Of the line in its stream, from 1."""
    text: str
    """As UTF-8 as far as it is; not made printable."""


def pattern(text: str) -> re.Pattern[bytes]:
    """A text as it stands, whatever the case of ASCII letters, or /a regular expression/. Raises errors.Refused."""
    if not text:
        raise errors.Refused("there is nothing to search for")
    try:
        return re.compile(text[1:-1].encode() if _is_regular(text) else re.escape(text.encode()), re.IGNORECASE)
    except (re.error, OverflowError) as error:
        raise errors.Refused(f"the regular expression {text}: {error}") from error


def _is_regular(text: str) -> bool:
    return len(text) > 2 and text.startswith("/") and text.endswith("/")


async def search(lines: Iterable[HostLine], text: str, *, most: int = MOST) -> AsyncIterator[Match]:
    """In the order of the hosts, at most so many. Raises errors.Refused for a text that cannot be searched for."""
    steps = _steps(list(spills(lines)), pattern(text), literal=not _is_regular(text))
    count, over = 0, False
    while not over:
        found, over = await asyncio.to_thread(_slice, steps)
        for match in found:
            yield match
            count += 1
            if count == most:
                return


def _slice(steps: Iterator[Match | None]) -> tuple[list[Match], bool]:
    """What is found in a short time; True: that was all."""
    found: list[Match] = []
    until = time.monotonic() + SLICE_SECONDS
    for match in steps:
        if match is not None:
            found.append(match)
        if time.monotonic() > until:
            return found, False
    return found, True


def _steps(
    files: Iterable[tuple[str, bool, Path]], wanted: re.Pattern[bytes], *, literal: bool
) -> Iterator[Match | None]:
    """Matches, and None after each piece of a file."""
    for host, stderr, path in files:
        number = 1
        for piece, ended in _pieces(path):
            if not literal or wanted.search(piece):
                for offset, line in enumerate(piece.split(b"\n")):
                    found = wanted.search(line if literal else line[:TRIED_BYTES])
                    if found is not None:
                        yield Match(host, stderr, number + offset, _shown(line, found.start()))
            number += piece.count(b"\n") + ended
            yield None


def _pieces(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Whole lines without the last line's end; False: that line goes on. A file that is not there has none."""
    rest = b""
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                whole, end, rest = (rest + block).rpartition(b"\n")
                if end:
                    yield whole, True
                if len(rest) >= BLOCK_BYTES:
                    yield rest, False
                    rest = b""
    except OSError:
        return
    if rest:
        yield rest, True


def _shown(line: bytes, at: int) -> str:
    start = max(0, at - SHOWN_BYTES // 2) if len(line) > SHOWN_BYTES else 0
    return line[start : start + SHOWN_BYTES].decode("utf-8", "replace")
