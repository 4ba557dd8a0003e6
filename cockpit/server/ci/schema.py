"""The tables of the CI server's ledger, a connection to them, and what a row says.

A run has attempts, an attempt has steps; a delivery is what a request is recognised by; events number the changes.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cockpit.pipelines.wire import RunInfo, StepInfo

VERSION = 1

_SCRIPT = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    repository TEXT NOT NULL, number INTEGER NOT NULL,
    name TEXT NOT NULL, ref TEXT NOT NULL, sha TEXT NOT NULL, event TEXT NOT NULL, actor TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('queued', 'running', 'cancelling', 'finished')),
    result TEXT, reason TEXT NOT NULL DEFAULT '', attempt INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL, queued_at REAL NOT NULL, started_at REAL, finished_at REAL,
    changed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository, number),
    CHECK ((phase = 'finished') = (result IS NOT NULL))
);
CREATE INDEX runs_queue ON runs (queued_at, id) WHERE phase = 'queued';
CREATE INDEX runs_open ON runs (phase) WHERE phase IN ('running', 'cancelling');
CREATE INDEX runs_changed ON runs (changed);
CREATE TABLE attempts (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, attempt INTEGER NOT NULL,
    cookie TEXT NOT NULL, phase TEXT NOT NULL, result TEXT, reason TEXT NOT NULL DEFAULT '',
    interrupted INTEGER NOT NULL DEFAULT 0, started_at REAL, finished_at REAL,
    PRIMARY KEY (run, attempt)
) WITHOUT ROWID;
CREATE TABLE steps (
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, attempt INTEGER NOT NULL, number INTEGER NOT NULL,
    name TEXT NOT NULL, phase TEXT NOT NULL, result TEXT, reason TEXT NOT NULL DEFAULT '',
    started_at REAL, finished_at REAL, log_offset INTEGER,
    PRIMARY KEY (run, attempt, number)
) WITHOUT ROWID;
CREATE TABLE deliveries (
    provider TEXT NOT NULL, id TEXT NOT NULL, received_at REAL NOT NULL,
    change TEXT UNIQUE, run INTEGER REFERENCES runs (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    PRIMARY KEY (provider, id)
);
CREATE INDEX deliveries_run ON deliveries (run);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE INDEX events_run ON events (run);
"""


def connect(path: Path, *, writer: bool) -> sqlite3.Connection:
    """For one thread at a time. The writer makes the tables where they are missing. Raises sqlite3.Error."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    db.row_factory = sqlite3.Row
    try:
        db.execute("PRAGMA foreign_keys=ON")
        if writer:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            _migrate(db, path)
        else:
            db.execute("PRAGMA query_only=ON")
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise sqlite3.DatabaseError(f"{path} was written by a newer cockpit (schema {version}, known: {VERSION})")
    if version == VERSION:
        return
    db.executescript(
        f"BEGIN IMMEDIATE;{_SCRIPT}"
        f"INSERT INTO meta VALUES ('epoch', '{secrets.token_hex(8)}');"
        f"PRAGMA user_version={VERSION};COMMIT;"
    )


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Several looks at one state."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("COMMIT")


def state_of(row: sqlite3.Row) -> dict[str, Any]:
    """What runs, attempts and steps have in common."""
    return {
        "phase": row["phase"],
        "result": row["result"],
        "reason": row["reason"],
        "started_at": _time(row["started_at"]),
        "finished_at": _time(row["finished_at"]),
    }


def run_of(row: sqlite3.Row) -> RunInfo:
    return RunInfo(
        id=row["id"],
        repository=row["repository"],
        number=row["number"],
        name=row["name"],
        ref=row["ref"],
        sha=row["sha"],
        event=row["event"],
        actor=row["actor"],
        attempt=row["attempt"],
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        **state_of(row),
    )


def step_of(row: sqlite3.Row) -> StepInfo:
    return StepInfo(number=row["number"], name=row["name"], log_offset=row["log_offset"], **state_of(row))


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
