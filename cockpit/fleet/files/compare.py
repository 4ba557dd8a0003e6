"""What differs between a tree here and one on a host, and the script that makes the host's like ours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from msgspec import Struct

from cockpit.fleet.files.scripts import commands, quoted
from cockpit.fleet.files.tree import Entry
from cockpit.model import errors

_SECOND = 1_000_000_000


class Differences(Struct, frozen=True):
    """Paths from the top, in the order of the trees. Nothing that is not named here is touched."""

    new: tuple[bytes, ...] = ()
    """Nothing stands there."""
    changed: tuple[bytes, ...] = ()
    """Another content, link or kind."""
    modes: tuple[bytes, ...] = ()
    """Other permissions alone."""
    deleted: tuple[bytes, ...] = ()
    """They are there and not here; what stands in a folder before the folder."""

    @property
    def sent(self) -> tuple[bytes, ...]:
        return self.new + self.changed

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.modes or self.deleted)


Same = Callable[[bytes, Entry, Entry], bool]
"""(path, file here, file there) -> whether their contents are taken to be the same."""


def by_time(path: bytes, here: Entry, there: Entry) -> bool:
    """Size and time of change; to the second where the host knows no more than seconds."""
    if here.size != there.size:
        return False
    if here.mtime_ns == there.mtime_ns:
        return True
    return there.mtime_ns % _SECOND == 0 and here.mtime_ns // _SECOND == there.mtime_ns // _SECOND


def never(path: bytes, here: Entry, there: Entry) -> bool:
    """Every file is sent."""
    return False


def by_digest(digests: Mapping[bytes, str]) -> Same:
    """SHA-256; `digests` are those of the host."""

    def same(path: bytes, here: Entry, there: Entry) -> bool:
        return here.size == there.size and here.digest == digests.get(path)

    return same


def compare(
    here: Mapping[bytes, Entry],
    there: Mapping[bytes, Entry],
    same: Same,
    *,
    delete: bool = False,
    kept: Collection[bytes] = (),
    modes_alone: bool = True,
) -> Differences:
    """`kept`: folders there that cannot go, for they hold what is excluded. Without `modes_alone` a file with other
    permissions counts as changed: its bytes are shared with another tree.

    Raises errors.Refused for what stands in the way.
    """
    new: list[bytes] = []
    changed: list[bytes] = []
    modes: list[bytes] = []
    displaced: set[bytes] = set()
    for path, entry in here.items():
        found = there.get(path)
        if found is None:
            new.append(path)
        elif found.kind != entry.kind:
            _check_kinds(path, entry, found, delete=delete)
            if "d" in (found.kind, entry.kind):
                displaced.add(path)
            changed.append(path)
        elif (entry.kind == "f" and not same(path, entry, found)) or entry.target != found.target:
            changed.append(path)
        elif entry.kind != "l" and entry.mode != found.mode:
            (modes if modes_alone or entry.kind == "d" else changed).append(path)
    deleted = _deleted(here, there, kept, displaced) if delete else ()
    return Differences(tuple(new), tuple(changed), tuple(modes), deleted)


def _check_kinds(path: bytes, here: Entry, there: Entry, *, delete: bool) -> None:
    name = path.decode("utf-8", "backslashreplace")
    if there.kind == "?":
        raise errors.Refused(f"{name} is a device, a socket or a pipe there; remove it there")
    if not delete and "d" in (here.kind, there.kind):
        words = {"d": "a folder", "f": "a file", "l": "a link"}
        said = f"{name} is {words[there.kind]} there and {words[here.kind]} here"
        raise errors.Refused(f"{said}; only a sync that deletes replaces one with the other")


def _deleted(
    here: Mapping[bytes, Entry], there: Mapping[bytes, Entry], kept: Collection[bytes], displaced: Collection[bytes]
) -> tuple[bytes, ...]:
    """Also what gives way to another kind. Devices, sockets and pipes stay, and so do the folders they are in."""
    staying = set(kept)
    for path, entry in there.items():
        if entry.kind == "?":
            staying |= set(_above(path))
    gone = [path for path in there if (path not in here or path in displaced) and there[path].kind != "?"]
    held = next((path for path in displaced if path in staying), None)
    if held is not None:
        name = held.decode("utf-8", "backslashreplace")
        raise errors.Refused(f"{name} is a folder there that holds what is excluded, or a device: it cannot go")
    return tuple(sorted((path for path in gone if path not in staying), reverse=True))


def _above(path: bytes) -> Iterator[bytes]:
    """The folders that it is in."""
    while (cut := path.rfind(b"/")) > 0:
        path = path[:cut]
        yield path


def folder_of(path: bytes) -> bytes:
    """ "." at the top."""
    return path[: path.rfind(b"/")] if b"/" in path else b"."


def switch_script(
    found: Differences, here: Mapping[bytes, Entry], there: Mapping[bytes, Entry], root: bytes, staged: bytes
) -> bytes:
    """Renames what was staged into its place, one rename a file and one for all of a new folder; then deletes.

    Nothing is begun when a folder that is to be written may not be.
    """
    lines = [b"cd %s || exit\n" % quoted(root)]
    opened = [path for path in found.modes if _closed(there[path]) and not _closed(here[path])]
    lines += _modes(opened, here)
    moved = sorted(_moved(found, there), key=folder_of)
    touched = {folder_of(path) for path in (*moved, *found.deleted)}
    lines += commands(b"may_write", (b"./" + path for path in sorted(touched)), b"|| exit")
    displaced = set(found.changed) & set(found.deleted)
    first = {path for path in found.deleted if any(up in displaced for up in (path, *_above(path)))}
    lines += _removed([path for path in found.deleted if path in first], there)
    # BusyBox's mv looks at what it replaces, and gives up on a link that leads in a circle
    lines += commands(b"unhook", (b"./" + path for path in found.changed if there[path].kind == "l"), b"|| exit")
    for folder, paths in itertools.groupby(moved, key=folder_of):
        names = (staged + b"/" + path for path in paths)
        lines += commands(b"mv -f --", names, quoted(b"./" + folder + b"/") + b" || exit")
    lines += _removed([path for path in found.deleted if path not in first], there)
    late = [path for path in found.sent if _closed(here[path]) or _special(here[path])]
    lines += _modes(sorted({*found.modes, *late}, reverse=True), here)
    return b"".join(lines)


def _closed(entry: Entry) -> bool:
    """A folder that even its owner cannot work in: it gets these permissions last."""
    return entry.kind == "d" and entry.mode & 0o700 != 0o700


def _special(entry: Entry) -> bool:
    """Set-uid and its like, which BusyBox's tar loses where it is not root."""
    return entry.kind != "l" and entry.mode & 0o7000 != 0


def _moved(found: Differences, there: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """What is renamed: a new folder goes with all that is in it."""
    for path in found.sent:
        up = folder_of(path)
        if up == b"." or (up in there and there[up].kind == "d"):
            yield path


def _removed(paths: Iterable[bytes], there: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """Files, then the folders from the deepest up, which are then empty: nothing else goes with them."""
    found = list(paths)
    files = (b"./" + path for path in found if there[path].kind != "d")
    folders = (b"./" + path for path in found if there[path].kind == "d")
    yield from commands(b"rm -f --", files, b"|| exit")
    yield from commands(b"rmdir --", folders, b"|| exit")


def _modes(paths: Iterable[bytes], here: Mapping[bytes, Entry]) -> Iterator[bytes]:
    """The deepest first: a folder that closes itself closes what is in it."""
    for mode, group in itertools.groupby(paths, key=lambda path: here[path].mode):
        yield from commands(b"chmod %04o --" % mode, (b"./" + path for path in group), b"|| exit")
