"""Where files go on one host: what stands there, and how that differs from what is to be there."""

from __future__ import annotations

import asyncio
import posixpath
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from cockpit.fleet.files import scripts
from cockpit.fleet.files.compare import Differences, Same, by_digest, by_time, compare, never
from cockpit.fleet.files.listing import Listing
from cockpit.fleet.files.orders import Sending, Way, remote_path, split
from cockpit.fleet.files.scripts import quoted
from cockpit.fleet.files.shell import Shell
from cockpit.fleet.files.tree import Entry, Tree, below, renamed
from cockpit.model import errors

PARSED_BYTES = 128 * 1024
"""Of a listing, taken apart off the loop at a time."""
_DIGEST_BYTES = 68
"""What sha256sum says besides a name."""
_FACTS = 6


class Place(Struct, frozen=True):
    root: bytes
    """The folder that paths are relative to, without links in it."""
    tree: Tree
    """What is to be below it."""
    there: dict[bytes, Entry]
    """What is below it, as far as it was asked for."""
    found: Differences
    tar: str
    """"gnu", "bsd", or "plain": one that does not know pax."""
    rsync: bool
    """The host has it."""
    holders: tuple[bytes, ...]
    """Folders for the staging folder, the best first; the last one is on the file system of `root`."""
    up: bytes
    """The folder that the place is in."""
    present: bytes
    """The folder that stands there, without links in it; empty: there is none."""


class Facts(Struct, frozen=True):
    """What the shell function `look` says."""

    state: str
    """"folder", "file" or "none"; links are followed."""
    linked: bool
    here: bytes
    """The folder, without links in it."""
    up: bytes
    """The folder that it is in, without links in it."""
    tar: str
    rsync: bool


class Intake:
    """Takes some facts, each ended by a NUL, and then a listing, as they come."""

    def __init__(self, facts: int, listing: Listing) -> None:
        self.facts: list[bytes] = []
        self._awaited = facts
        self._listing = listing
        self._data = bytearray()

    async def take(self, data: bytes) -> None:
        self._data += data
        while len(self.facts) < self._awaited:
            fact, nul, _ = self._data.partition(b"\0")
            if not nul:
                return
            self.facts.append(bytes(fact))
            del self._data[: len(fact) + 1]
        if len(self._data) >= PARSED_BYTES:
            await self.settle()

    async def settle(self) -> None:
        """Take apart what has come so far."""
        data, self._data = bytes(self._data), bytearray()
        if data:
            await asyncio.to_thread(self._listing.feed, data)


async def look(shell: Shell, order: Sending) -> Place:
    """Look, and compare; changes nothing.

    Raises errors.Refused for a place where it cannot be done, Malformed, and what Shell.ask does.
    """
    where = remote_path(order.remote)
    folder, name = split(where)
    listing = Listing(None if order.way is Way.RELEASE else order.excludes)
    intake = Intake(_FACTS, listing)
    script = b"look %s %s && " % (quoted(where), quoted(folder))
    await shell.ask(script + _listed(order, name), intake.take)
    await intake.settle()
    if len(intake.facts) < _FACTS:
        raise errors.Malformed("the host did not say what stands there")
    state, linked, here, up, tar, rsync = intake.facts
    facts = Facts(state.decode(), linked == b"yes", here, up, tar.decode(), rsync == b"yes")
    if listing.begun:
        listing.end()
    root, tree, holders = _aimed(order, facts, name)
    place = Place(root, tree, listing.entries, Differences(), facts.tar, facts.rsync, holders, up, here)
    return replace(place, found=await _differences(shell, order, place, listing.kept))


def _listed(order: Sending, name: bytes) -> bytes:
    """What is listed after the look."""
    if order.way is not Way.PUT:
        return b'case $state in folder) list "$here" ;; esac'
    tops = [b"./" + path for path in order.tree.entries if b"/" not in path]
    into = b'list "$here" ' + scripts.words(tops)
    return b'case $state in folder) %s ;; *) list "$up" %s ;; esac' % (into, quoted(b"./" + name))


def _aimed(order: Sending, facts: Facts, name: bytes) -> tuple[bytes, Tree, tuple[bytes, ...]]:
    """(the folder that paths are relative to, the tree as it is to be below it, where it may be staged)"""
    typed = order.remote.decode("utf-8", "backslashreplace")
    tops = [path for path in order.tree.entries if b"/" not in path]
    match order.way, facts.state:
        case Way.PUT, "folder":
            return facts.here, order.tree, (facts.here,)
        case Way.PUT, _:
            if len(tops) > 1 or not name or order.remote.endswith(b"/"):
                raise errors.Refused(f"{typed} is no folder there")
            return facts.up, renamed(order.tree, name), (facts.up,)
        case Way.RELEASE, _:
            if facts.state != "none" and not facts.linked:
                raise errors.Refused(f"{typed} is no link to a release there; move it out of the way first")
            if not name:
                raise errors.Refused(f"{typed} has no name; name the link that is to point to the release")
            return facts.here, order.tree, (facts.up + b"/releases",)
        case _, "folder":
            return facts.here, order.tree, (posixpath.dirname(facts.here), facts.here)
        case _, "none" if name and not facts.linked:
            return facts.up, below(order.tree, name), (facts.up,)
        case _:
            raise errors.Refused(f"{typed} is no folder there")


async def _differences(shell: Shell, order: Sending, place: Place, kept: set[bytes]) -> Differences:
    same: Same = never if order.way is Way.PUT else by_time
    if order.checksum and order.way is not Way.PUT:
        both = [path for path, entry in place.tree.entries.items() if _worth_hashing(entry, place.there.get(path))]
        same = by_digest(await digests(shell, place.root, both))
    mirrored = order.way in (Way.MIRROR, Way.RELEASE)
    return await asyncio.to_thread(
        compare,
        place.tree.entries,
        place.there,
        same,
        delete=mirrored,
        kept=kept,
        modes_alone=order.way is not Way.RELEASE,
    )


def _worth_hashing(here: Entry, there: Entry | None) -> bool:
    return there is not None and here.kind == there.kind == "f" and here.size == there.size


async def listed(shell: Shell, folder: bytes) -> dict[bytes, Entry]:
    """What is in a folder. Raises what Shell.ask does, Malformed and Refused."""
    listing = Listing()
    intake = Intake(0, listing)
    await shell.ask(b"list " + quoted(folder), intake.take)
    await intake.settle()
    listing.end()
    return listing.entries


async def digests(shell: Shell, root: bytes, paths: Sequence[bytes]) -> dict[bytes, str]:
    """SHA-256 of files on the host; one that cannot be read there is left out. Raises what Shell.ask does."""
    found: dict[bytes, str] = {}
    rest = deque(paths)
    while rest:
        asked: list[bytes] = []
        size = 0
        while rest and (not asked or size + len(rest[0]) < scripts.WORDS_BYTES // 2):
            size += len(rest[0]) + _DIGEST_BYTES
            asked.append(rest.popleft())
        names = scripts.words(b"./" + path for path in asked)
        said = await shell.ask(b"cd %s && { sha256sum %s; :; }" % (quoted(root), names))
        found |= read_digests(said, asked)
    return found


def read_digests(said: bytes, asked: Sequence[bytes]) -> dict[bytes, str]:
    """The output of sha256sum for these names, in their order. GNU writes odd names escaped, BusyBox as they are."""
    found: dict[bytes, str] = {}
    at = 0
    for path in asked:
        name = b"./" + path
        plain = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
        older = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        for start, form in ((b"", name), (b"\\", plain), (b"\\", older)):
            line = said[at : at + len(start) + 66 + len(form) + 1]
            if line.startswith(start) and line[len(start) + 66 :] == form + b"\n":
                found[path] = line[len(start) : len(start) + 64].decode("ascii", "replace")
                at += len(line)
                break
    return found
