"""Trees of files as they are compared: what each entry is, without its bytes. Names are relative, and bytes."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from cockpit.model import errors

MOST_ENTRIES = 1_000_000
READ_BYTES = 1 << 20
_USER = os.geteuid()
_KINDS = {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}


class Entry(Struct, frozen=True, gc=False):
    """A file "f", a folder "d", a symbolic link "l", or "?": a device, a socket, a pipe."""

    kind: str
    mode: int
    """Permission bits, as chmod has them."""
    size: int = 0
    """Bytes of a file."""
    mtime_ns: int = 0
    """Whole seconds where the file system or the tool that told it knows no better."""
    target: bytes = b""
    """Where a link points to."""
    source: bytes = b""
    """Where the bytes are on this machine."""
    digest: str = ""
    """SHA-256 in hex of a file; empty when it was not asked for."""


class Tree(Struct):
    """What is to be on a host. A folder stands right before all that is in it: tar sets its time when it leaves it."""

    entries: dict[bytes, Entry]
    base: Entry
    """The folder itself."""
    specials: tuple[bytes, ...] = ()
    """Devices, sockets and pipes: they stay here."""


class Excludes:
    """Globs as fnmatch has them: one with a slash is about the path from the top, one without about any name."""

    def __init__(self, globs: Sequence[str] = ()) -> None:
        names = [glob.rstrip("/") for glob in globs if "/" not in glob.rstrip("/")]
        paths = [glob.strip("/") for glob in globs if "/" in glob.rstrip("/")]
        self._name = _any_of(names)
        self._path = _any_of(paths)

    def __bool__(self) -> bool:
        return self._name is not None or self._path is not None

    def match(self, path: bytes) -> bool:
        """Whether a pattern is about this very entry; what is in an excluded folder is excluded with it."""
        text = os.fsdecode(path)
        if self._path is not None and self._path.match(text):
            return True
        return self._name is not None and self._name.match(text[text.rfind("/") + 1 :]) is not None


def _any_of(globs: Sequence[str]) -> re.Pattern[str] | None:
    return re.compile("|".join(fnmatch.translate(glob) for glob in globs)) if globs else None


def walk(root: str, excludes: Excludes, *, checksum: bool = False) -> Tree:
    """A local folder; `root` itself is followed when it is a link.

    Raises errors.NotFound and Refused: not a folder, something in it cannot be read, too many entries.
    """
    base = _looked_at(root)
    if base.kind != "d":
        raise errors.Refused(f"{root} is not a folder")
    entries: dict[bytes, Entry] = {}
    specials = _collect(base.source, b"", excludes, entries)
    return Tree(_hashed(entries) if checksum else entries, base, tuple(specials))


def gather(paths: Sequence[str], *, checksum: bool = False) -> Tree:
    """Local files and folders by their own names, side by side. Raises what `walk` does."""
    entries: dict[bytes, Entry] = {}
    specials: list[bytes] = []
    for path in paths:
        entry = _looked_at(path)
        name = os.path.basename(os.path.abspath(os.fsencode(path)))
        if not name:
            raise errors.Refused(f"{path} has no name; name the folders in it")
        if name in entries:
            raise errors.Refused(f"two of these are called {os.fsdecode(name)}")
        if entry.kind == "?":
            raise errors.Refused(f"{path} is a device, a socket or a pipe")
        entries[name] = entry
        if entry.kind == "d":
            specials += _collect(entry.source, name + b"/", Excludes(), entries)
    return Tree(_hashed(entries) if checksum else entries, Entry("d", 0o755), tuple(specials))


def below(tree: Tree, name: bytes) -> Tree:
    """The same, as the content of a folder of this name."""
    entries = {name: tree.base} | {name + b"/" + path: entry for path, entry in tree.entries.items()}
    return replace(tree, entries=entries)


def renamed(tree: Tree, name: bytes) -> Tree:
    """The same with another name for its only top entry."""
    old = next(iter(tree.entries))
    return replace(tree, entries={name + path[len(old) :]: entry for path, entry in tree.entries.items()})


def _looked_at(path: str) -> Entry:
    """What was named, which is followed when it is a link."""
    try:
        return _entry(os.stat(path), os.path.join(os.getcwdb(), os.fsencode(path)))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        kind = errors.NotFound if isinstance(error, FileNotFoundError) else errors.Refused
        raise kind(f"{path}: {said}") from error


def _collect(root: bytes, prefix: bytes, excludes: Excludes, entries: dict[bytes, Entry]) -> list[bytes]:
    """Fills `entries`, each folder right before all that is in it; gives what is neither file, folder nor link."""
    specials: list[bytes] = []
    folders: list[tuple[bytes, Entry | None]] = [(prefix[:-1], None)]
    filtered = bool(excludes)
    while folders:
        folder, itself = folders.pop()
        if itself is not None:
            entries[folder] = itself
        within = folder + b"/" if folder else b""
        for found in _listed(root if itself is None else itself.source):
            path = within + found.name
            if filtered and excludes.match(path):
                continue
            try:
                entry = _entry(found.stat(follow_symlinks=False), found.path)
            except OSError as error:
                raise errors.Refused(f"{os.fsdecode(found.path)}: {error.strerror}") from error
            if entry.kind == "d":
                folders.append((path, entry))
            elif entry.kind == "?":
                specials.append(path)
            else:
                entries[path] = entry
        if len(entries) > MOST_ENTRIES:
            raise errors.Refused(f"{os.fsdecode(root)} holds more than {MOST_ENTRIES:,} entries")
    return specials


def _listed(folder: bytes) -> Iterator[os.DirEntry[bytes]]:
    try:
        with os.scandir(folder) as found:
            yield from found
    except OSError as error:
        raise errors.Refused(f"{os.fsdecode(folder)}: {error.strerror}") from error


def _entry(found: os.stat_result, path: bytes) -> Entry:
    """Raises errors.Refused for a file that may not be read, OSError for a link that is gone."""
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), "?")
    mode = stat.S_IMODE(found.st_mode)
    if kind == "f":
        # the bits say it without a system call; only what they forbid is asked for (root, ACLs)
        if (not mode & 0o400 or found.st_uid != _USER) and not os.access(path, os.R_OK, effective_ids=True):
            raise errors.Refused(f"{os.fsdecode(path)} may not be read")
        return Entry("f", mode, found.st_size, found.st_mtime_ns, b"", path)
    if kind == "l":
        return Entry("l", mode, 0, found.st_mtime_ns, os.readlink(path), path)
    return Entry(kind, mode, 0, found.st_mtime_ns, b"", path)


def _hashed(entries: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    return {
        path: replace(entry, digest=digest(entry.source)) if entry.kind == "f" else entry
        for path, entry in entries.items()
    }


def digest(path: bytes) -> str:
    """SHA-256 in hex of a local file. Raises errors.Refused."""
    try:
        with open(path, "rb", buffering=0) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise errors.Refused(f"{os.fsdecode(path)}: {error.strerror}") from error


def total_bytes(entries: Iterable[Entry]) -> int:
    return sum(entry.size for entry in entries)
