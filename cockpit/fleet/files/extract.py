"""An archive from a host, written below a folder of ours. Nothing in it is trusted.

Everything goes into a fresh folder that only we can write, and each entry only into a folder that was made for this
archive: no name and no link of it leads anywhere else. Devices are left out, set-user-id bits dropped.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

from msgspec import Struct

from cockpit.fleet.files.tar import Member, Reader
from cockpit.model import errors

PLAIN = 0o777
"""Permissions that are taken over."""


class Received(Struct, frozen=True):
    files: int
    """Files, folders and links."""
    bytes: int
    skipped: int
    """Devices, sockets and pipes."""


class Extract:
    """Of one host. All of it does file I/O: not on the event loop."""

    def __init__(self, folder: bytes, name: bytes, *, whole: bool) -> None:
        """A staging folder is made in `folder`. `whole`: what comes is the content of the folder `name`; else it is
        that one file. Raises errors.Refused.
        """
        try:
            self.stage = tempfile.mkdtemp(prefix=b".cockpit-", dir=folder)
            self._top = os.path.join(self.stage, name)
            if whole:
                os.mkdir(self._top, 0o700)
        except OSError as error:
            raise _failed(folder, error) from error
        self._name, self._whole = name, whole
        self._reader = Reader()
        self._made: dict[bytes, Member | None] = {b"": None} if whole else {}
        """The folders, with what is said of them: that is done at the end."""
        self._files: set[bytes] = set()
        self._links = 0
        self._bytes = self._skipped = 0
        self._open: tuple[int, Member, bytes] | None = None

    def feed(self, data: bytes) -> None:
        """More of the archive. Raises errors.Malformed for what must not be, Refused when it cannot be written."""
        try:
            for piece in self._reader.feed(data):
                if isinstance(piece, Member):
                    self._settle()
                    self._member(piece)
                elif self._open is not None:
                    self._write(piece)
        except OSError as error:
            raise _failed(self.stage, error) from error

    def end(self) -> Received:
        """It must be whole. Gives what has come. Raises like `feed`."""
        if not self._reader.whole:
            raise errors.Malformed("the archive was cut off")
        try:
            self._settle()
            for path in sorted(self._made, reverse=True):
                member = self._made[path]
                if member is not None:
                    self._finish(self._path(path), member, 0o700)
        except OSError as error:
            raise _failed(self.stage, error) from error
        if not self._whole and not self._files:
            raise errors.Malformed("the archive does not hold the file")
        made = len(self._made)
        return Received(made + len(self._files) + self._links, self._bytes, self._skipped)

    def put_in_place(self, target: bytes) -> None:
        """Rename it to `target`, or file by file into the folder that stands there.

        Raises errors.Refused, before anything was changed where something of another kind stands in the way.
        """
        try:
            moves = list(_moves(self._top, target))
            for old, new in moves:
                os.rename(old, new)
            self._close_folders(target)
        except OSError as error:
            raise _failed(target, error) from error

    def discard(self) -> None:
        """Remove the staging folder."""
        if self._open is not None:
            os.close(self._open[0])
            self._open = None
        shutil.rmtree(self.stage, ignore_errors=True)

    def _member(self, member: Member) -> None:
        path = self._inside(member.name)
        match member.kind:
            case "?":
                self._skipped += 1
            case "d":
                if path not in self._made:
                    os.mkdir(self._new(path), 0o700)
                self._made[path] = member
            case "l":
                os.symlink(member.target, self._new(path))
                os.utime(self._path(path), ns=(member.mtime_ns, member.mtime_ns), follow_symlinks=False)
                self._links += 1
            case "h":
                first = self._inside(member.target)
                if first not in self._files:
                    raise errors.Malformed(f"the archive links {_said(member.name)} to what it does not hold")
                os.link(self._path(first), self._new(path), follow_symlinks=False)
                self._files.add(path)
            case _:
                file = os.open(self._new(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                self._open = (file, member, self._path(path))
                self._files.add(path)

    def _inside(self, name: bytes) -> bytes:
        """The name below the top, "" for that itself. Raises errors.Malformed for one that leads out of it."""
        parts = [part for part in name.split(b"/") if part not in (b"", b".")]
        if name.startswith(b"/") or b".." in parts or b"\0" in name:
            raise errors.Malformed(f"the archive holds {_said(name)}, which leads out of the folder")
        if self._whole:
            return b"/".join(parts)
        if parts != [self._name]:
            raise errors.Malformed(f"the archive holds {_said(name)}, which was not asked for")
        return b""

    def _new(self, path: bytes) -> bytes:
        """Where a new entry goes. Raises errors.Malformed when that is not a folder of this archive, or taken."""
        if path:
            up = path[: max(0, path.rfind(b"/"))]
            if up not in self._made:
                raise errors.Malformed(f"the archive holds {_said(path)} in what is not a folder of it")
        found = self._path(path)
        if os.path.lexists(found):
            raise errors.Malformed(f"the archive holds {_said(path)} twice")
        return found

    def _path(self, path: bytes) -> bytes:
        return self._top + b"/" + path if path else self._top

    def _write(self, data: bytes) -> None:
        assert self._open is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._open[0], view) :]
        self._bytes += len(data)

    def _settle(self) -> None:
        """The last file is whole."""
        if self._open is None:
            return
        file, member, path = self._open
        os.close(file)
        self._open = None
        self._finish(path, member, 0)

    def _finish(self, path: bytes, member: Member, more: int) -> None:
        os.chmod(path, member.mode & PLAIN | more)
        os.utime(path, ns=(member.mtime_ns, member.mtime_ns))

    def _close_folders(self, target: bytes) -> None:
        """Folders that even their owner cannot write are closed when all is in place."""
        for path in sorted(self._made, reverse=True):
            member = self._made[path]
            if member is not None and member.mode & 0o700 != 0o700:
                os.chmod(target + b"/" + path if path else target, member.mode & PLAIN)


def _moves(old: bytes, new: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Renames that put one into the place of the other; folders that stand there stay. Raises errors.Refused."""
    folder = os.path.isdir(old) and not os.path.islink(old)
    if not os.path.lexists(new):
        yield old, new
    elif not folder:
        if os.path.isdir(new) and not os.path.islink(new):
            raise errors.Refused(f"{os.fsdecode(new)} is a folder here; move it out of the way first")
        yield old, new
    elif os.path.islink(new) or not os.path.isdir(new):
        raise errors.Refused(f"{os.fsdecode(new)} is no folder here; move it out of the way first")
    else:
        for name in os.listdir(old):
            yield from _moves(old + b"/" + name, new + b"/" + name)


def _failed(path: bytes, error: OSError) -> errors.Refused:
    return errors.Refused(f"{os.fsdecode(path)}: {error.strerror}; what was there is as it was")


def _said(name: bytes) -> str:
    return name[:200].decode("utf-8", "backslashreplace")
