"""What a host says of its files: `find -printf` where there is GNU find, `stat -c` where there is BusyBox.

BusyBox knows seconds only, and its `stat` ends a name with a line end, which a name may hold; "//" it cannot hold.
"""

from __future__ import annotations

from cockpit.fleet.files.tree import MOST_ENTRIES, Entry, Excludes
from cockpit.model import errors

GNU, BUSYBOX = b"gnu", b"busybox"
_KINDS = {0o040000: "d", 0o100000: "f", 0o120000: "l"}
_END = b"//\n"


class Listing:
    """Reads the output of the shell function `list` as it comes (scripts.py). Names are relative, without "./"."""

    def __init__(self, excludes: Excludes | None = None) -> None:
        self.entries: dict[bytes, Entry] = {}
        """Without what is excluded. In no order."""
        self.kept: set[bytes] = set()
        """Folders that hold something excluded: they cannot be removed."""
        self._unread: bytes | None = None
        """A folder that could not be read and is not excluded."""
        self._excludes = excludes
        self._excluded: set[bytes] = set()
        self._rest = b""
        self._form = b""
        self._links = False
        """BusyBox: the entries are over, the targets of the links follow."""

    @property
    def begun(self) -> bool:
        return bool(self._form)

    def feed(self, data: bytes) -> None:
        """More of it, cut anywhere. Raises errors.Malformed."""
        self._rest += data
        if not self._form:
            form, nul, rest = self._rest.partition(b"\0")
            if not nul:
                return
            if form not in (GNU, BUSYBOX):
                raise errors.Malformed(f"the list of its files begins with {form[:40]!r}")
            self._form, self._rest = form, rest
        try:
            if self._form == GNU:
                self._gnu()
            else:
                self._busybox()
        except (ValueError, IndexError, KeyError) as error:
            raise errors.Malformed(f"the list of its files cannot be read ({error})") from error

    def end(self) -> None:
        """It must be whole. Raises errors.Malformed, and Refused when something there may not be read."""
        if self._rest or not self._form or (self._form == BUSYBOX and not self._links):
            raise errors.Malformed("the list of its files is not whole")
        if self._unread is not None:
            raise errors.Refused(f"{self._unread.decode('utf-8', 'backslashreplace')} may not be read there")

    def _gnu(self) -> None:
        """ "f 644 5 1700000000.1234567890 ./name" and for a link its target as a record of its own."""
        records = self._rest.split(b"\0")
        self._rest = records.pop()
        record = iter(records)
        for meta in record:
            kind, mode, size, mtime, name = meta.split(b" ", 4)
            target = b""
            if kind == b"l":
                found = next(record, None)
                if found is None:
                    self._rest = meta + b"\0" + self._rest
                    return
                target = found
            seconds, _, fraction = mtime.partition(b".")
            ns = int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, b"0"))
            self._add(name, kind.decode("ascii"), int(mode, 8), int(size), ns, target)

    def _busybox(self) -> None:
        """ "81a4 5 1700000000 ./name//" lines, an empty one, then link and target in turn."""
        if not self._links:
            start = 0
            while (end := self._rest.find(_END, start)) >= 0:
                record, start = self._rest[start:end], end + len(_END)
                if not record:
                    self._links = True
                    break
                bits, size, mtime, name = record.split(b" ", 3)
                mode = int(bits, 16)
                kind = _KINDS.get(mode & 0o170000, "?")
                self._add(name, kind, mode & 0o7777, int(size), int(mtime) * 1_000_000_000, b"")
            self._rest = self._rest[start:]
        if self._links:
            *fields, self._rest = self._rest.split(b"\0")
            if len(fields) % 2:
                self._rest = fields.pop() + b"\0" + self._rest
            for name, target in zip(fields[::2], fields[1::2], strict=True):
                self._link(name, target)

    def _link(self, name: bytes, target: bytes) -> None:
        path = name[2:]
        entry = self.entries.get(path)
        if entry is not None:
            self.entries[path] = Entry("l", entry.mode, 0, entry.mtime_ns, target)

    def _add(self, name: bytes, kind: str, mode: int, size: int, mtime_ns: int, target: bytes) -> None:
        if not name.startswith(b"./") or name == b"./":
            raise ValueError(f"the name {name[:80]!r}")
        path = name[2:]
        if self._excludes is not None and self._left_out(path):
            return
        if len(self.entries) >= MOST_ENTRIES:
            raise errors.Refused(f"there are more than {MOST_ENTRIES:,} entries")
        if kind == "u":
            self._unread = self._unread or path
        if kind not in "fdl":
            kind = "?"
        self.entries[path] = Entry(kind, mode, size if kind == "f" else 0, mtime_ns, target)

    def _left_out(self, path: bytes) -> bool:
        """Parents come before what is in them."""
        assert self._excludes is not None
        up = path[: max(0, path.rfind(b"/"))]
        if up not in self._excluded and not self._excludes.match(path):
            return False
        self._excluded.add(path)
        while up and up not in self.kept:
            self.kept.add(up)
            up = up[: max(0, up.rfind(b"/"))]
        return True
