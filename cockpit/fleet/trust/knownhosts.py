"""OpenSSH's known_hosts files, read once and judged by OpenSSH's own rules (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT;
hostfile.c and check_host_key in sshconnect.c).

asyncssh reads a file again for each connection (6 ms for 1,000 lines), tries every hashed line for every host (3 to
6 ms more) and tells an unknown key from a changed one by nothing at all. Here a file is parsed when it has changed, in
a thread; a hashed line is tried only when it holds the very key that a host offers, and all of them only for a host
that no line fits; and every answer names file and line.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha1
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from msgspec import Struct

from cockpit.fleet.machine import Machine
from cockpit.model import errors

if TYPE_CHECKING:
    from hashlib import _Hash

PORT = 22
AUTHORITY, REVOKED = "authority", "revoked"
_MARKERS = {"@cert-authority": AUTHORITY, "@revoked": REVOKED}
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
"""RFC 2104: the two pads of HMAC as translation tables."""


class Entry(Struct, frozen=True):
    """One usable line."""

    kind: str
    """"ssh-ed25519"."""
    blob: bytes
    mark: str
    """"", AUTHORITY or REVOKED."""
    path: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.path} line {self.line}"


class Name(Struct, frozen=True):
    """How the files may name a host."""

    full: str
    """HostKeyAlias, the address, or "[address]:port", in lower case."""
    bare: str = ""
    """The address alone, which also fits where the port is not 22 and there is no alias."""


class Trusted(Struct, frozen=True):
    entry: Entry


class Unknown(Struct, frozen=True):
    """No line names the host."""


class Changed(Struct, frozen=True):
    """The host is known by another key."""

    entry: Entry


class Revoked(Struct, frozen=True):
    entry: Entry


Verdict = Trusted | Unknown | Changed | Revoked


def name_of(machine: Machine) -> Name:
    """As ssh looks a machine up with CheckHostIP off (get_hostfile_hostname_ipaddr)."""
    if machine.host_key_alias:
        return Name(machine.host_key_alias.lower())
    address = machine.address.lower()
    return Name(address) if machine.port == PORT else Name(f"[{address}]:{machine.port}", address)


def stamp(paths: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """What changes when one of the files changes. Does file I/O: call it in a thread."""
    found: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = Path(path).stat()
        except OSError:
            found.append((path, 0, -1))
        else:
            found.append((path, status.st_mtime_ns, status.st_size if S_ISREG(status.st_mode) else -1))
    return tuple(found)


def book(paths: Sequence[str]) -> Book:
    """What these files say. One that does not exist, or is no regular file, holds nothing.

    Does file I/O, and parses what is new or has changed: call it in a thread. Raises errors.Denied for a file that
    cannot be read.
    """
    return _book(stamp(dict.fromkeys(paths)))


@lru_cache(maxsize=64)
def _book(stamped: tuple[tuple[str, int, int], ...]) -> Book:
    return Book([_parsed(path, changed, size) for path, changed, size in stamped if size >= 0])


class Book:
    """The lines of some files. What is asked of it while a host waits is cheap; only `known_by` and `judge` may take
    long, a millisecond for 1,000 hashed lines."""

    def __init__(self, files: Sequence[_File]) -> None:
        self._files = files
        self._hashed = [line for file in files for line in file.hashed]
        self._hashed_authority = any(line.entry.mark == AUTHORITY for line in self._hashed)
        self._scanned: dict[str, list[Entry]] = {}

    def kinds(self, name: Name) -> list[str]:
        """The kinds of key that the host is known by, as far as that is seen without trying hashed lines.

        Where only hashed lines can name it: the kinds that these have.
        """
        entries = self._scanned.get(name.full) or self._unmarked(name.full)
        if not entries and name.full not in self._scanned:
            return list(dict.fromkeys(kind for file in self._files for kind in file.kinds))
        return list(dict.fromkeys(entry.kind for entry in entries))

    def has_authority(self, name: Name) -> bool:
        """Whether a certificate of the host may be trusted."""
        plain = (entry for full in _names(name) for entry in self._plain(full))
        return self._hashed_authority or any(entry.mark == AUTHORITY for entry in plain)

    def find(self, name: Name, blob: bytes, mark: str = "") -> Entry | None:
        """A line that names the host, is marked so and has this very key."""
        found = self._line(name.full, blob, mark)
        if found is not None or not name.bare:
            return found
        tried = name.full in self._scanned or not self._hashed
        if not mark and (not tried or self._scanned.get(name.full) or self._unmarked(name.full)):
            return None  # known by its full name, or perhaps: that is for `judge` to find out
        return self._line(name.bare, blob, mark)

    def known_by(self, name: Name) -> list[Entry]:
        """The keys of the host by its full name. Tries the hashed lines: call it in a thread."""
        if name.full not in self._scanned:
            hashed = [line.entry for line in self._hashed if not line.entry.mark and line.names(name.full)]
            self._scanned[name.full] = self._unmarked(name.full) + hashed
        return self._scanned[name.full]

    def judge(self, name: Name, blob: bytes) -> Verdict:
        """What OpenSSH makes of a host's plain key. Tries the hashed lines: call it in a thread."""
        revoked = self.find(name, blob, REVOKED)
        if revoked is not None:
            return Revoked(revoked)
        known = self.known_by(name)
        found = self.find(name, blob)
        if found is not None:
            return Trusted(found)
        if known:
            return Changed(next((entry for entry in known if entry.kind == kind_of(blob)), known[0]))
        return Unknown()

    def _line(self, full: str, blob: bytes, mark: str) -> Entry | None:
        for entry in self._plain(full):
            if entry.blob == blob and entry.mark == mark:
                return entry
        for file in self._files:
            for line in file.by_blob.get(blob, ()):
                if line.entry.mark == mark and line.names(full):
                    return line.entry
        return None

    def _unmarked(self, full: str) -> list[Entry]:
        return [entry for entry in self._plain(full) if not entry.mark]

    def _plain(self, full: str) -> Iterator[Entry]:
        for file in self._files:
            yield from file.plain.get(full, ())
            for patterns, entry in file.patterns:
                if admits(patterns, full):
                    yield entry


class _Hashed:
    """A line whose name is an HMAC-SHA1. Its halves are kept: twice as fast as hmac.digest."""

    __slots__ = ("_digest", "_inner", "_outer", "_salt", "entry")

    def __init__(self, salt: bytes, digest: bytes, entry: Entry) -> None:
        self.entry = entry
        self._salt, self._digest = salt, digest
        self._inner: _Hash | None = None
        self._outer: _Hash | None = None

    def names(self, full: str) -> bool:
        if self._inner is None or self._outer is None:
            key = self._salt.ljust(64, b"\0")
            self._inner, self._outer = sha1(key.translate(_INNER)), sha1(key.translate(_OUTER))
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(full.encode())
        outer.update(inner.digest())
        return outer.digest() == self._digest


class _File:
    def __init__(self) -> None:
        self.plain: dict[str, list[Entry]] = {}
        self.patterns: list[tuple[tuple[str, ...], Entry]] = []
        self.hashed: list[_Hashed] = []
        self.by_blob: dict[bytes, list[_Hashed]] = {}
        self.kinds: dict[str, None] = {}
        """Of the hashed lines without a mark."""

    def add(self, hosts: str, entry: Entry) -> None:
        if hosts.startswith("|1|"):
            self._add_hashed(hosts, entry)
        elif re.search(r"[*?!]", hosts):
            self.patterns.append((tuple(hosts.split(",")), entry))
        else:
            for host in dict.fromkeys(hosts.lower().split(",")):
                self.plain.setdefault(host, []).append(entry)

    def _add_hashed(self, hosts: str, entry: Entry) -> None:
        parts = hosts.split("|")
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
        except ValueError:
            return
        if len(salt) == len(digest) == sha1().digest_size:
            line = _Hashed(salt, digest, entry)
            self.hashed.append(line)
            self.by_blob.setdefault(entry.blob, []).append(line)
            if not entry.mark:
                self.kinds[entry.kind] = None


@lru_cache(maxsize=64)
def _parsed(path: str, changed: int, size: int) -> _File:
    """`changed` and `size` are only there to miss the cache when the file is another."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise errors.Denied(f"cannot read {path}: {error.strerror}; make it readable for you") from error
    file = _File()
    for number, line in enumerate(data.split(b"\n"), 1):
        words = line.decode("utf-8", "replace").split(maxsplit=4)
        mark = ""
        if words and words[0].startswith("@"):
            mark = _MARKERS.get(words.pop(0), "?")
        if len(words) < 3 or words[0].startswith("#") or mark == "?":
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        if kind_of(blob) == words[1]:
            file.add(words[0], Entry(words[1], blob, mark, path, number))
    return file


def kind_of(blob: bytes) -> str:
    """A public key says first what it is (RFC 4253, 6.6)."""
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace")


def _names(name: Name) -> tuple[str, ...]:
    return (name.full, name.bare) if name.bare else (name.full,)


def admits(patterns: Iterable[str], name: str) -> bool:
    """OpenSSH's pattern list: some pattern matches and no negated one does (ssh_config(5), PATTERNS)."""
    matched = False
    for pattern in patterns:
        negated = pattern.startswith("!")
        if _pattern(pattern[1:] if negated else pattern).fullmatch(name):
            if negated:
                return False
            matched = True
    return matched


@lru_cache(maxsize=8192)
def _pattern(text: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(char) or re.escape(char) for char in text), re.IGNORECASE | re.DOTALL)
