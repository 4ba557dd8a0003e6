"""What is asked for: files that go to hosts, and files that come from them."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Callable

from msgspec import Struct

from cockpit.fleet.files.tree import Excludes, Tree

KEPT_RELEASES = 5
"""Old releases that stay beside the present one."""

Tell = Callable[[int, int | None], None]
"""(bytes done so far, bytes in all or None where that is not known): told often, must be cheap."""


class Way(enum.StrEnum):
    PUT = "put"
    """Files and folders into a folder, or one of them under the name given; every file is sent."""
    COPY = "copy"
    """A folder becomes like ours; what is only there stays."""
    MIRROR = "mirror"
    """And what is only there goes."""
    RELEASE = "release"
    """A new folder beside the old ones, and a link that is moved to it in one step."""


class Sending(Struct, frozen=True, kw_only=True):
    """Read once, for all hosts."""

    way: Way
    tree: Tree
    remote: bytes
    """As it was typed; see `remote_path`."""
    excludes: Excludes = Excludes()
    checksum: bool = False
    """Compare and check by SHA-256; else by size and time of change."""
    keep: int = KEPT_RELEASES
    rsync: str = ""
    """The program here; empty: it is not used."""


class Done(Struct, frozen=True):
    """What came of one host."""

    files: int = 0
    """Files, folders and links that were sent or fetched."""
    deleted: int = 0
    modes: int = 0
    bytes: int = 0
    """Of the content of the files."""
    wire_bytes: int = 0
    """That went over the connection for it."""
    skipped: int = 0
    """Devices, sockets and pipes."""
    release: str = ""
    note: str = ""


def remote_path(typed: bytes) -> bytes:
    """Absolute, or from the home folder: "./...". Never the name of an option."""
    if typed.startswith(b"~/"):
        typed = typed[2:]
    elif typed == b"~":
        typed = b"."
    path = posixpath.normpath(typed) if b".." not in typed.split(b"/") else typed.rstrip(b"/") or b"/"
    return path if path.startswith((b"/", b"./")) or path == b"." else b"./" + path


def split(path: bytes) -> tuple[bytes, bytes]:
    """The folder that it is in, and its name there: "" where it has none (/, ., ..)."""
    folder, _, name = path.rpartition(b"/")
    if name in (b"", b".", b".."):
        return path, b""
    return folder or (b"/" if path.startswith(b"/") else b"."), name
