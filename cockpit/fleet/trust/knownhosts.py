"""OpenSSH's known_hosts files, read once and matched by our own rules (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

asyncssh reads a file again for each connection (6 ms for 1,000 lines) and tells an unknown key from a changed one by
nothing at all; here a file is parsed when it has changed, in a thread, and every answer names file and line.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from cockpit.model import errors

GLOBAL = "/etc/ssh/ssh_known_hosts"


class HostKeyRefused(errors.Denied):
    """The host's key is unknown, changed or revoked."""


class Entry(Struct, frozen=True):
    """One usable line."""

    kind: str
    """"ssh-ed25519"."""
    blob: bytes
    marker: str
    """"", "@revoked" or "@cert-authority"."""
    path: str
    line: int

    @property
    def text(self) -> str:
        """As a public key file has it."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"


class Known(Struct, frozen=True):
    """What the files say of one host."""

    trusted: tuple[Entry, ...] = ()
    authorities: tuple[Entry, ...] = ()
    revoked: tuple[Entry, ...] = ()


class _File(Struct):
    plain: dict[str, list[Entry]]
    patterns: list[tuple[str, Entry]]
    hashed: list[tuple[bytes, bytes, Entry]]


def stamp(paths: Iterable[str]) -> tuple[tuple[str, int, int], ...]:
    """What changes when one of the files changes. Does file I/O: call it in a thread."""
    found: list[tuple[str, int, int]] = []
    for path in paths:
        try:
            status = Path(path).stat()
        except OSError:
            found.append((path, 0, -1))
        else:
            found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def lookup(paths: Sequence[str], address: str, port: int) -> Known:
    """The keys of a host in these files and the machine-wide one. A missing file holds nothing.

    Does file I/O when a file is new or has changed: call it in a thread. Raises errors.Denied for an unreadable file.
    """
    name = address.lower() if port == 22 else f"[{address.lower()}]:{port}"
    return _lookup(stamp((*paths, GLOBAL)), name)


@lru_cache(maxsize=4096)
def _lookup(stamped: tuple[tuple[str, int, int], ...], name: str) -> Known:
    found: list[Entry] = []
    for path, changed, size in stamped:
        if size >= 0:
            found.extend(_match(_parsed(path, changed, size), name))
    return Known(
        trusted=tuple(e for e in found if not e.marker),
        authorities=tuple(e for e in found if e.marker == "@cert-authority"),
        revoked=tuple(e for e in found if e.marker == "@revoked"),
    )


@lru_cache(maxsize=64)
def _parsed(path: str, changed: int, size: int) -> _File:
    """`changed` and `size` are only there to miss the cache when the file is another."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise errors.Denied(f"cannot read {path}: {error.strerror}; make it readable for you") from error
    file = _File({}, [], [])
    for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#"):
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        entry = Entry(words[1], blob, marker, path, number)
        _index(file, words[0], entry)
    return file


def _index(file: _File, hosts: str, entry: Entry) -> None:
    if hosts.startswith("|1|"):
        parts = hosts.split("|")
        try:
            file.hashed.append((base64.b64decode(parts[2]), base64.b64decode(parts[3]), entry))
        except (binascii.Error, IndexError, ValueError):
            return
    elif re.search(r"[*?!]", hosts):
        file.patterns.append((hosts, entry))
    else:
        for host in hosts.lower().split(","):
            file.plain.setdefault(host, []).append(entry)


def _match(file: _File, name: str) -> list[Entry]:
    found = list(file.plain.get(name, ()))
    found += [entry for patterns, entry in file.patterns if admits(patterns.split(","), name)]
    encoded = name.encode()
    found += [entry for salt, digest, entry in file.hashed if hmac.digest(salt, encoded, "sha1") == digest]
    return found


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


def refusal(known: Known, files: Sequence[str], address: str, port: int, offered: str) -> HostKeyRefused:
    """Why the key is refused and what to do. `offered` is "ssh-ed25519 SHA256:..." or "" when none was seen."""
    name = address if port == 22 else f"[{address}]:{port}"
    scan = f"ssh-keyscan -p {port} {address}" if port != 22 else f"ssh-keyscan {address}"
    if known.revoked and not known.trusted:
        entry = known.revoked[0]
        return HostKeyRefused(f"the host key of {name} is revoked in {entry.path} line {entry.line}; do not connect")
    if known.trusted:
        entry = known.trusted[0]
        now = f"it now offers {offered}" if offered else "it offers none of the known kinds of key"
        return HostKeyRefused(
            f"the host key of {name} has changed: {entry.path} line {entry.line} has another and {now}; if that is "
            f"meant, run: ssh-keygen -f {entry.path} -R '{name}', then: {scan} >> {entry.path}"
        )
    file = files[0] if files else "~/.ssh/known_hosts"
    seen = f" (it offers {offered})" if offered else ""
    return HostKeyRefused(f"the host key of {name} is unknown{seen}; check it, then run: {scan} >> {file}")
