"""The audit trail: one row a task, durable before its effect, shared by all cockpit processes of the user.

SQLite in WAL mode with synchronous=FULL. A row that says "queued" or "running" is believed only while its process
lives; otherwise the task was interrupted and what became of it on the other side is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cockpit.tasks import process
from cockpit.tasks.action import FINAL, Risk, State
from cockpit.tasks.process import Owner
from cockpit.tasks.records import TargetOutcome, TaskRecord, settled
from cockpit.tasks.store import StoreError, connect, plainly, private_folder, transaction

SCHEMA = 1
KEEP_SECONDS = 90 * 86400.0
KEEP_TASKS = 10_000
_SCRIPT = """
CREATE TABLE task (
    id TEXT PRIMARY KEY, who TEXT NOT NULL, action TEXT NOT NULL, sentence TEXT NOT NULL, risk TEXT NOT NULL,
    lane TEXT NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    created_at REAL NOT NULL, started_at REAL, ended_at REAL,
    done INTEGER NOT NULL, total INTEGER NOT NULL, attempts INTEGER NOT NULL,
    output_bytes INTEGER NOT NULL, output_dropped INTEGER NOT NULL, output_path TEXT NOT NULL,
    pid INTEGER NOT NULL, start INTEGER NOT NULL, boot TEXT NOT NULL
) STRICT;
CREATE INDEX task_created ON task (created_at);
CREATE INDEX task_open ON task (state) WHERE state IN ('queued', 'running');
CREATE TABLE target (
    task TEXT NOT NULL REFERENCES task ON DELETE CASCADE, place INTEGER NOT NULL,
    key TEXT NOT NULL, name TEXT NOT NULL, production INTEGER NOT NULL, state TEXT NOT NULL, why TEXT NOT NULL,
    PRIMARY KEY (task, place)
) STRICT, WITHOUT ROWID
"""
_COLUMNS = (
    "id, who, action, sentence, risk, lane, state, why, created_at, started_at, ended_at, done, total, attempts,"
    " output_bytes, output_dropped, output_path, pid, start, boot"
)


class Journal:
    """Used from one thread at a time. Every method raises StoreError."""

    def __init__(self, folder: Path) -> None:
        self.path = private_folder(folder) / "journal.db"
        self._db = connect(self.path, SCHEMA, _SCRIPT, synchronous="FULL")
        self._db.execute("PRAGMA foreign_keys=ON")
        self._version = -1

    def begin(self, record: TaskRecord) -> None:
        """The task as it was asked for."""
        with plainly(self.path), transaction(self._db):
            self._db.execute(f"INSERT INTO task ({_COLUMNS}) VALUES ({', '.join('?' * 20)})", _row(record))
            self._db.executemany("INSERT INTO target VALUES (?, ?, ?, ?, ?, ?, ?)", _targets(record))

    def write(self, records: Iterable[TaskRecord]) -> None:
        """Tasks that were begun, as they are now. Durable when this returns."""
        with plainly(self.path), transaction(self._db):
            for record in records:
                self._db.execute(
                    "UPDATE task SET state=?, why=?, started_at=?, ended_at=?, done=?, total=?, attempts=?,"
                    " output_bytes=?, output_dropped=?, output_path=? WHERE id=?",
                    (
                        record.state, record.why, record.started_at, record.ended_at, record.done, record.total,
                        record.attempts, record.output_bytes, record.output_dropped, record.output_path, record.key,
                    ),
                )  # fmt: skip
                self._db.executemany(
                    "UPDATE target SET state=?, why=? WHERE task=? AND place=? AND (state<>? OR why<>?)",
                    [
                        (target.state or "", target.why, record.key, place, target.state or "", target.why)
                        for place, target in enumerate(record.targets)
                    ],
                )

    def recent(self, instant: float, limit: int) -> list[TaskRecord]:
        """The newest tasks created since then, at most `limit`, and all that have not ended; newest first."""
        return self._read(
            "state IN ('queued', 'running') OR id IN"
            " (SELECT id FROM task WHERE created_at >= ? ORDER BY created_at DESC LIMIT ?)",
            (instant, limit),
            "ORDER BY created_at DESC, id",
        )

    def latest(self, limit: int, *, since: float = 0.0, states: Sequence[State] = ()) -> list[TaskRecord]:
        """Newest first. `states` are as shown, so `interrupted` finds the tasks of dead processes too."""
        if not states:
            return self._read("created_at >= ?", (since,), "ORDER BY created_at DESC, id LIMIT ?", (limit,))
        known = [*states, State.QUEUED, State.RUNNING]
        marks = ", ".join("?" * len(known))
        records = self._read(f"created_at >= ? AND state IN ({marks})", (since, *known), "ORDER BY created_at DESC, id")
        return [record for record in records if record.state in states][:limit]

    def find(self, start: str) -> list[TaskRecord]:
        """Tasks whose id starts so; at most ten."""
        escaped = start.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        return self._read(r"id LIKE ? ESCAPE '\'", (escaped + "%",), "ORDER BY created_at DESC LIMIT 10")

    def changed(self) -> bool:
        """Whether another process wrote since this was last asked."""
        with plainly(self.path):
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            before, self._version = self._version, version
            return bool(version != before)

    def sweep(self) -> None:
        """Write down what became of the tasks whose process is gone."""
        gone = [
            record
            for state in (State.QUEUED, State.RUNNING)
            for record in self._read("state = ?", (state,), "", judge=False)
            if not process.alive(record.owner)
        ]
        if gone:
            self.write([_judged(record) for record in gone])

    def prune(self, now: float) -> list[str]:
        """Forget what is older than KEEP_SECONDS or beyond KEEP_TASKS; gives the ids, whose output can go too."""
        with plainly(self.path), transaction(self._db):
            rows = self._db.execute(
                "DELETE FROM task WHERE state NOT IN ('queued', 'running') AND (created_at < ? OR id IN"
                " (SELECT id FROM task ORDER BY created_at DESC LIMIT -1 OFFSET ?)) RETURNING id",
                (now - KEEP_SECONDS, KEEP_TASKS),
            ).fetchall()
            return [key for (key,) in rows]

    def close(self) -> None:
        with plainly(self.path):
            self._db.close()

    def _read(
        self, where: str, args: tuple[object, ...], tail: str, more: tuple[object, ...] = (), *, judge: bool = True
    ) -> list[TaskRecord]:
        with plainly(self.path):
            self._db.execute("BEGIN")
            try:
                rows = self._db.execute(f"SELECT {_COLUMNS} FROM task WHERE {where} {tail}", (*args, *more)).fetchall()
                targets: dict[str, list[TargetOutcome]] = {}
                for first in range(0, len(rows), 500):
                    keys = [row[0] for row in rows[first : first + 500]]
                    for task, key, name, production, state, why in self._db.execute(
                        "SELECT task, key, name, production, state, why FROM target"
                        f" WHERE task IN ({', '.join('?' * len(keys))}) ORDER BY task, place",
                        keys,
                    ):
                        outcome = TargetOutcome(key, name, bool(production), State(state) if state else None, why)
                        targets.setdefault(task, []).append(outcome)
            finally:
                self._db.execute("COMMIT")
        try:
            records = [_record(row, tuple(targets.get(row[0], ()))) for row in rows]
        except ValueError as error:
            raise StoreError(f"{self.path} is damaged ({error}); move it away, a new one is made") from error
        return [_judged(record) for record in records] if judge else records


def _judged(record: TaskRecord) -> TaskRecord:
    """What the row means: the process of a task that has not ended may be gone."""
    if record.state in FINAL or process.alive(record.owner):
        return record
    at = record.started_at or record.created_at
    if record.state is State.QUEUED:
        return replace(
            settled(record, State.CANCELLED, "its cockpit ended before it started; nothing was done", at), ended_at=None
        )
    why = f"its cockpit (process {record.owner.pid}) ended while it ran; look what became of it on the other side"
    return replace(settled(record, State.INTERRUPTED, why, at), ended_at=None)


def _row(record: TaskRecord) -> tuple[object, ...]:
    owner = record.owner
    return (
        record.key, record.who, record.action, record.sentence, record.risk, record.lane, record.state, record.why,
        record.created_at, record.started_at, record.ended_at, record.done, record.total, record.attempts,
        record.output_bytes, record.output_dropped, record.output_path, owner.pid, owner.start, owner.boot,
    )  # fmt: skip


def _targets(record: TaskRecord) -> list[tuple[object, ...]]:
    return [
        (record.key, place, target.key, target.name, int(target.production), target.state or "", target.why)
        for place, target in enumerate(record.targets)
    ]


def _record(row: tuple[Any, ...], targets: tuple[TargetOutcome, ...]) -> TaskRecord:
    (
        key, who, action, sentence, risk, lane, state, why, created_at, started_at, ended_at, done, total, attempts,
        output_bytes, output_dropped, output_path, pid, start, boot,
    ) = row  # fmt: skip
    return TaskRecord(
        key=key, who=who, action=action, sentence=sentence, risk=Risk(risk), lane=lane, state=State(state), why=why,
        created_at=created_at, started_at=started_at, ended_at=ended_at, done=done, total=total, attempts=attempts,
        output_bytes=output_bytes, output_dropped=output_dropped, output_path=output_path,
        owner=Owner(pid, start, boot), targets=targets,
    )  # fmt: skip
