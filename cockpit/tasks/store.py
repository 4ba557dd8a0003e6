"""Opening the SQLite files that all cockpit processes of a user share, and saying plainly when that does not work."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUSY_SECONDS = 10.0


class StoreError(Exception):
    """A file of the state folder cannot be used. The message is one line and says what to do."""


def private_folder(path: Path) -> Path:
    """Make the folder, for this user alone. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        status = path.lstat()
        if path.is_symlink() or status.st_uid != os.geteuid():
            raise StoreError(f"{path} belongs to someone else; set COCKPIT_STATE_DIR to a folder of your own")
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror}; set COCKPIT_STATE_DIR to a writable folder") from error
    return path


def connect(path: Path, schema: int, script: str, *, synchronous: str) -> sqlite3.Connection:
    """A connection in WAL mode, usable from one thread at a time. `schema` is the version that `script` makes.

    Raises StoreError.
    """
    with plainly(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            _prepare(db, path, schema, script, synchronous)
        except BaseException:
            db.close()
            raise
    return db


def _prepare(db: sqlite3.Connection, path: Path, schema: int, script: str, synchronous: str) -> None:
    _wal(db)
    db.execute(f"PRAGMA synchronous={synchronous}")
    with transaction(db):
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > schema:
            raise StoreError(
                f"{path} was written by a newer cockpit (schema {version}, this one knows {schema}); upgrade cockpit"
            )
        if version < schema:
            for statement in script.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={schema}")


def _wal(db: sqlite3.Connection) -> None:
    """Switching to WAL does not wait for other processes that do the same, whatever the busy time-out."""
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the writers of other processes wait. A COMMIT that fails leaves nothing open."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def plainly(path: Path) -> Iterator[None]:
    """Turns what SQLite and the system say into a StoreError with the next step."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.strerror}; set COCKPIT_STATE_DIR to a writable folder") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {_mend(error)}") from error


def _mend(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return "the disk is full; free some space"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "cannot be written; set COCKPIT_STATE_DIR to a writable folder"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return f"is damaged ({error}); move it away, a new one is made"
        case sqlite3.SQLITE_IOERR:
            return f"{error}; is the disk full or failing?"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"another process holds it for more than {BUSY_SECONDS:.0f} s; look for a hung cockpit"
        case _:
            return str(error)
