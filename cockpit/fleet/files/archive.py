"""What goes to a host: a tar archive of the entries that differ and of the script that puts them in place."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping

from msgspec.structs import replace

from cockpit.fleet.files import tar
from cockpit.fleet.files.compare import folder_of
from cockpit.fleet.files.tree import Entry
from cockpit.model import errors

PIECE_BYTES = 256 * 1024
"""How much is given at a time, about."""
STAGED = b"new"
"""The folder of the archive with the entries."""
SCRIPT = b"switch"


def archive(here: Mapping[bytes, Entry], sent: Collection[bytes], script: bytes, *, fractions: bool) -> Iterator[bytes]:
    """Reads files: not on the event loop. `fractions`: see tar.header.

    Raises errors.Refused for a file that is no longer as it was when it was looked at.
    """
    pieces: list[bytes] = []
    size = 0
    for piece in _members(here, sent, script, fractions):
        pieces.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(pieces)
            pieces, size = [], 0
    yield b"".join([*pieces, tar.END])


def _members(here: Mapping[bytes, Entry], sent: Collection[bytes], script: bytes, fractions: bool) -> Iterator[bytes]:
    """Folders are open to their owner until all is in place (compare.switch_script)."""
    wanted = frozenset(sent)
    made = {b"."}
    for path, entry in here.items():
        if path not in wanted:
            continue
        for folder in _missing(folder_of(path), made):
            yield tar.header(STAGED + b"/" + folder, Entry("d", 0o700), fractions=False)
        if entry.kind == "d":
            made.add(path)
            entry = replace(entry, mode=entry.mode | 0o700)
        yield tar.header(STAGED + b"/" + path, entry, fractions=fractions)
        if entry.kind == "f":
            yield from _content(entry)
            yield tar.padding(entry.size)
    yield tar.header(SCRIPT, Entry("f", 0o600, len(script)), fractions=False)
    yield script
    yield tar.padding(len(script))


def _missing(folder: bytes, made: set[bytes]) -> list[bytes]:
    """The folders that stand on the host already, but not yet in the archive."""
    found: list[bytes] = []
    while folder not in made:
        made.add(folder)
        found.append(folder)
        folder = folder_of(folder)
    return found[::-1]


def _content(entry: Entry) -> Iterator[bytes]:
    try:
        file = os.open(entry.source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise errors.Refused(f"{os.fsdecode(entry.source)}: {error.strerror}") from error
    try:
        now = os.fstat(file)
        if (now.st_size, now.st_mtime_ns) != (entry.size, entry.mtime_ns):
            raise _changed(entry)
        left = entry.size
        while left:
            data = os.read(file, min(left, PIECE_BYTES))
            if not data:
                raise _changed(entry)
            left -= len(data)
            yield data
    except OSError as error:
        raise errors.Refused(f"{os.fsdecode(entry.source)}: {error.strerror}") from error
    finally:
        os.close(file)


def _changed(entry: Entry) -> errors.Refused:
    return errors.Refused(f"{os.fsdecode(entry.source)} has changed while it was being sent; try again")
