"""Writing down an accepted host key, as ssh does: a line at the end of known_hosts.

ssh appends without a lock, ssh-keygen puts another file in the place of the old one. So a line is appended in one
write (O_APPEND: nothing of anybody else's is overwritten), under a lock among cockpits (two of them add a key once),
and again when the file turns out to have been replaced meanwhile.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import hmac
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG

from cockpit.fleet.trust.knownhosts import Name, book, kind_of

ATTEMPTS = 20
"""Times that the file may be replaced while a line is added."""
LOCK_SECONDS = 10.0
_NOT_LOCKED = frozenset({errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
"""File systems without locks: an append is whole without one."""
_MEANS_MORE = re.compile(r"[\s,*?!|#@]")
"""Characters by which a line would name other hosts as well, or be read as something else."""


def write(path: str, name: Name, blob: bytes, *, hashed: bool) -> None:
    """Add the key of a host, on the disk when this returns. Does file I/O: call it in a thread.

    Creates the file for the user alone, and its folder as ssh creates ~/.ssh. Raises OSError, and then nothing was
    added.
    """
    if _MEANS_MORE.search(name.full):
        raise OSError(errno.EINVAL, f"{name.full!r} cannot be a name there")
    target = Path(path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(ATTEMPTS):
        if _append(target, name, blob, hashed):
            return
    raise OSError(errno.EBUSY, "it is replaced again and again")


def line_of(name: Name, blob: bytes, *, hashed: bool) -> str:
    """As ssh writes it: the full name, or with HashKnownHosts its salted hash."""
    host = name.full
    if hashed:
        salt = secrets.token_bytes(20)
        host = f"|1|{_text(salt)}|{_text(hmac.digest(salt, host.encode(), 'sha1'))}"
    return f"{host} {kind_of(blob)} {_text(blob)}"


def _append(target: Path, name: Name, blob: bytes, hashed: bool) -> bool:
    """False: the file was replaced meanwhile, and the line may have gone with the old one."""
    new = not target.exists()
    file = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o600)
    try:
        line = line_of(name, blob, hashed=hashed).encode() + b"\n"
        if not S_ISREG(os.fstat(file).st_mode):
            _write(file, line)  # /dev/null
            return True
        with _locked(file):
            if not _still(file, target):
                return False
            if not _has(file, target, name, blob):
                _write(file, line if _ends_a_line(file) else b"\n" + line)
                os.fsync(file)
            if new:
                _sync_folder(target.parent)
            return _still(file, target)
    finally:
        os.close(file)


@contextlib.contextmanager
def _locked(file: int) -> Iterator[None]:
    over = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > over:
                raise
            time.sleep(0.01)
        except OSError as error:
            if error.errno not in _NOT_LOCKED:
                raise
            break
        else:
            break
    yield  # closing the file unlocks it


def _still(file: int, target: Path) -> bool:
    """Whether the open file is the one that stands there by name."""
    try:
        there = target.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file), there)


def _has(file: int, target: Path, name: Name, blob: bytes) -> bool:
    """Whether another cockpit was first. The text is looked at before the lines: a fleet adds hundreds."""
    data = os.pread(file, os.fstat(file).st_size, 0)
    return _text(blob).encode() in data and book((str(target),)).find(name, blob) is not None


def _ends_a_line(file: int) -> bool:
    size = os.fstat(file).st_size
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def _write(file: int, line: bytes) -> None:
    """All of it or nothing: half a line would spoil the next one that is appended."""
    written = os.write(file, line)
    if written == len(line):
        return
    try:
        os.write(file, line[written:])
    except OSError:
        end = os.lseek(file, 0, os.SEEK_CUR)
        if os.fstat(file).st_size == end:
            os.ftruncate(file, end - written)
        raise


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
