"""The CI server's memory: SQLite, every transition one transaction, every transition leaves an event.

    queued ──claim──► running ──finish──► finished
      ▲  │               │  └─cancel─► cancelling ──finish──► finished (cancelled)
      │  └─cancel────────┼───────────────────────────────────► finished (cancelled)
      └──────interrupt───┘  (next attempt of the same run)
      └──────rerun──────────────────────────────────────────── finished

The attempt number is the fence: what a worker reports about an attempt that is not the newest changes nothing.
Blocking; `store.Store` keeps it off the loop.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from cockpit.pipelines.wire import AttemptInfo, RunDetail, RunInfo, RunList, StepInfo
from cockpit.server.ci.schema import connect, run_of, snapshot, state_of, step_of
from cockpit.tasks.store import transaction

INTERRUPTIONS = 10
"""So often in a row an attempt may be cut short by the server's end before the run is given up: a pipeline that takes
the machine down must not do so for ever."""


class Conflict(Exception):
    """The run is not in the state that the request was made for; the message says in which it is."""


class Unknown(Exception):
    """There is no such run."""


class NewRun(Struct, frozen=True, kw_only=True):
    repository: str
    ref: str
    sha: str = ""
    name: str = ""
    event: str
    actor: str = ""


class Delivery(Struct, frozen=True, kw_only=True):
    """What a request is recognised by when it comes again."""

    provider: str
    id: str
    change: str | None = None
    """Unique besides the id, which a sender chooses freely: (repository, ref, before, after) of a push."""


class Claim(Struct, frozen=True, kw_only=True):
    """An attempt that a worker has taken."""

    run: RunInfo
    cookie: str
    """Stands in the environment of all its processes, so that they can be found again."""


class Open(Struct, frozen=True, kw_only=True):
    """An attempt that was running when the server ended."""

    run: int
    attempt: int
    cookie: str


class Ledger:
    """One connection; use it from one thread at a time. `now` is in Unix seconds throughout."""

    def __init__(self, path: Path, *, writer: bool) -> None:
        """Raises sqlite3.Error, as every method does."""
        self._db = connect(path, writer=writer)
        try:
            self.epoch: str = self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    @property
    def total_changes(self) -> int:
        """Rows touched over this connection so far."""
        return self._db.total_changes

    def _note(self, run: int, attempt: int, now: float, kind: str, detail: str = "") -> None:
        cursor = self._db.execute(
            "INSERT INTO events (run, attempt, at, kind, detail) VALUES (?, ?, ?, ?, ?)",
            (run, attempt, now, kind, detail),
        )
        self._db.execute("UPDATE runs SET changed = ? WHERE id = ?", (cursor.lastrowid, run))

    def _info(self, run: int) -> RunInfo:
        row = self._db.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise Unknown(f"there is no run {run}")
        return run_of(row)

    # -- work comes in

    def accept(self, new: NewRun, delivery: Delivery, now: float) -> tuple[RunInfo, bool]:
        """The run for a delivery, and whether it is new. The delivery and its job are one transaction."""
        with transaction(self._db):
            known = self._db.execute(
                "SELECT run FROM deliveries WHERE ((provider = ? AND id = ?) OR change = ?) AND run IS NOT NULL",
                (delivery.provider, delivery.id, delivery.change),
            ).fetchone()
            if known is not None:
                return self._info(known["run"]), False
            number = self._db.execute(
                "SELECT coalesce(max(number), 0) + 1 FROM runs WHERE repository = ?", (new.repository,)
            ).fetchone()[0]
            run = self._db.execute(
                "INSERT INTO runs (repository, number, name, ref, sha, event, actor, phase, created_at, queued_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?)",
                (new.repository, number, new.name, new.ref, new.sha, new.event, new.actor, now, now),
            ).lastrowid
            assert run is not None
            self._db.execute(
                "INSERT OR REPLACE INTO deliveries (provider, id, received_at, change, run, outcome)"
                " VALUES (?, ?, ?, ?, ?, 'accepted')",
                (delivery.provider, delivery.id, now, delivery.change, run),
            )
            self._note(run, 1, now, "queued", new.event)
            return self._info(run), True

    def ignore(self, delivery: Delivery, why: str, now: float) -> None:
        """Remember a valid delivery that asks for nothing."""
        with transaction(self._db):
            self._db.execute(
                "INSERT OR IGNORE INTO deliveries (provider, id, received_at, outcome) VALUES (?, ?, ?, ?)",
                (delivery.provider, delivery.id, now, f"ignored: {why}"),
            )

    def rerun(self, run: int, attempt: int, actor: str, now: float) -> RunInfo:
        """A new attempt of a finished run. Raises Conflict, Unknown."""
        with transaction(self._db):
            info = self._info(run)
            _expect(info, attempt)
            if info.phase != "finished":
                raise Conflict(f"run {run} is {info.phase}; only a finished run can be run again")
            self._requeue(run, info.attempt, now, "rerun", actor)
            return self._info(run)

    def _requeue(self, run: int, attempt: int, now: float, kind: str, detail: str) -> None:
        self._db.execute(
            "UPDATE runs SET phase = 'queued', result = NULL, reason = '', attempt = ?, queued_at = ?,"
            " started_at = NULL, finished_at = NULL WHERE id = ?",
            (attempt + 1, now, run),
        )
        self._note(run, attempt + 1, now, kind, detail)

    # -- work is done

    def claim(self, now: float) -> Claim | None:
        """The oldest queued run, running from now on; None when the queue is empty."""
        with transaction(self._db):
            row = self._db.execute(
                "SELECT id, attempt FROM runs WHERE phase = 'queued' ORDER BY queued_at, id LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            run, attempt, cookie = row["id"], row["attempt"], secrets.token_hex(16)
            self._db.execute("UPDATE runs SET phase = 'running', started_at = ? WHERE id = ?", (now, run))
            self._db.execute(
                "INSERT INTO attempts (run, attempt, cookie, phase, started_at) VALUES (?, ?, ?, 'running', ?)",
                (run, attempt, cookie, now),
            )
            self._note(run, attempt, now, "started")
            return Claim(run=self._info(run), cookie=cookie)

    def _fenced(self, run: int, attempt: int) -> RunInfo:
        """The run, when the attempt is still its open one. Raises Conflict."""
        info = self._info(run)
        if info.attempt != attempt or info.phase not in ("running", "cancelling"):
            raise Conflict(f"attempt {attempt} of run {run} is over")
        return info

    def describe(self, run: int, attempt: int, *, sha: str, name: str, now: float) -> None:
        """What the checkout told."""
        with transaction(self._db):
            self._fenced(run, attempt)
            self._db.execute("UPDATE runs SET sha = ?, name = ? WHERE id = ?", (sha, name, run))
            self._note(run, attempt, now, "checked out", sha)

    def plan(self, run: int, attempt: int, names: Sequence[str], now: float) -> None:
        """The steps of the attempt, all queued."""
        with transaction(self._db):
            self._fenced(run, attempt)
            self._db.executemany(
                "INSERT INTO steps (run, attempt, number, name, phase) VALUES (?, ?, ?, ?, 'queued')",
                [(run, attempt, number, name) for number, name in enumerate(names, 1)],
            )
            self._note(run, attempt, now, "planned", f"{len(names)} steps")

    def start_step(self, run: int, attempt: int, number: int, log_offset: int, now: float) -> None:
        with transaction(self._db):
            self._fenced(run, attempt)
            self._db.execute(
                "UPDATE steps SET phase = 'running', started_at = ?, log_offset = ?"
                " WHERE run = ? AND attempt = ? AND number = ?",
                (now, log_offset, run, attempt, number),
            )
            self._note(run, attempt, now, "step started", str(number))

    def finish_step(self, run: int, attempt: int, number: int, result: str, reason: str, now: float) -> None:
        with transaction(self._db):
            self._fenced(run, attempt)
            self._db.execute(
                "UPDATE steps SET phase = 'finished', result = ?, reason = ?, finished_at = ?"
                " WHERE run = ? AND attempt = ? AND number = ?",
                (result, reason, now, run, attempt, number),
            )
            self._note(run, attempt, now, "step finished", f"{number} {result}")

    def finish(self, run: int, attempt: int, result: str, reason: str, now: float) -> None:
        """The attempt's end is the run's end. Raises Conflict for an attempt that is over."""
        with transaction(self._db):
            self._fenced(run, attempt)
            self._end(run, attempt, result, reason, now, "finished")

    def _end(self, run: int, attempt: int, result: str, reason: str, now: float, kind: str) -> None:
        self._end_attempt(run, attempt, result, reason, now, interrupted=False)
        self._db.execute(
            "UPDATE runs SET phase = 'finished', result = ?, reason = ?, finished_at = ? WHERE id = ?",
            (result, reason, now, run),
        )
        self._note(run, attempt, now, kind, result)

    def _end_attempt(self, run: int, attempt: int, result: str, reason: str, now: float, *, interrupted: bool) -> None:
        key = (run, attempt)
        self._db.execute(
            "UPDATE attempts SET phase = 'finished', result = ?, reason = ?, interrupted = ?, finished_at = ?"
            " WHERE run = ? AND attempt = ?",
            (result, reason, interrupted, now, *key),
        )
        self._db.execute(
            "UPDATE steps SET phase = 'finished', result = ?, reason = ?, finished_at = ?"
            " WHERE run = ? AND attempt = ? AND phase = 'running'",
            (result, reason, now, *key),
        )
        self._db.execute(
            "UPDATE steps SET phase = 'finished', result = 'skipped'"
            " WHERE run = ? AND attempt = ? AND phase = 'queued'",
            key,
        )

    def cancel(self, run: int, attempt: int, actor: str, now: float) -> RunInfo:
        """A queued run is finished at once, a running one is cancelling from now on. Raises Conflict, Unknown."""
        with transaction(self._db):
            info = self._info(run)
            _expect(info, attempt)
            reason = f"cancelled by {actor}" if actor else "cancelled"
            match info.phase:
                case "queued":
                    self._end(run, info.attempt, "cancelled", reason, now, "cancelled")
                case "running":
                    self._db.execute("UPDATE runs SET phase = 'cancelling', reason = ? WHERE id = ?", (reason, run))
                    self._note(run, info.attempt, now, "cancelling", actor)
                case "finished":
                    raise Conflict(f"run {run} is finished already ({info.result})")
            return self._info(run)

    def open_attempts(self) -> tuple[Open, ...]:
        """What was running when the last server ended."""
        rows = self._db.execute(
            "SELECT r.id, r.attempt, a.cookie FROM runs r JOIN attempts a ON a.run = r.id AND a.attempt = r.attempt"
            " WHERE r.phase IN ('running', 'cancelling') ORDER BY r.id"
        )
        return tuple(Open(run=row["id"], attempt=row["attempt"], cookie=row["cookie"]) for row in rows)

    def interrupt(self, run: int, attempt: int, why: str, now: float) -> RunInfo:
        """The server ended under an attempt: the run is queued again as its next attempt, or ends when it was being
        cancelled or has been interrupted too often. Raises Conflict for an attempt that is over."""
        with transaction(self._db):
            info = self._fenced(run, attempt)
            if info.phase == "cancelling":
                self._end(run, attempt, "cancelled", info.reason, now, "finished")
                return self._info(run)
            before = self._db.execute(
                "SELECT interrupted FROM attempts WHERE run = ? AND attempt < ? ORDER BY attempt DESC LIMIT ?",
                (run, attempt, INTERRUPTIONS - 1),
            ).fetchall()
            if len(before) == INTERRUPTIONS - 1 and all(row["interrupted"] for row in before):
                self._end(run, attempt, "errored", f"{why}, {INTERRUPTIONS} times in a row", now, "finished")
            else:
                self._end_attempt(run, attempt, "errored", why, now, interrupted=True)
                self._requeue(run, attempt, now, "interrupted", why)
            return self._info(run)

    # -- looking

    def last(self) -> int:
        """Number of the newest change; 0 before the first."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
        return 0 if row is None else int(row[0])

    def runs(self, repository: str, limit: int, before: int) -> RunList:
        """Newest first; `repository` "" means all, `before` 0 the newest."""
        with snapshot(self._db):
            rows = self._db.execute(
                "SELECT * FROM runs WHERE (? = '' OR repository = ?) AND (? = 0 OR id < ?) ORDER BY id DESC LIMIT ?",
                (repository, repository, before, before, limit),
            ).fetchall()
            return RunList(epoch=self.epoch, last=self.last(), runs=tuple(run_of(row) for row in rows))

    def changes(self, after: int, limit: int) -> RunList:
        """Runs that changed after change `after`, in order of their newest change."""
        with snapshot(self._db):
            rows = self._db.execute(
                "SELECT * FROM runs WHERE changed > ? ORDER BY changed LIMIT ?", (after, limit)
            ).fetchall()
            last = rows[-1]["changed"] if len(rows) == limit else self.last()
            return RunList(epoch=self.epoch, last=last, runs=tuple(run_of(row) for row in rows))

    def detail(self, run: int) -> RunDetail:
        """Raises Unknown."""
        with snapshot(self._db):
            info = self._info(run)
            steps: dict[int, list[StepInfo]] = {}
            for row in self._db.execute("SELECT * FROM steps WHERE run = ? ORDER BY attempt, number", (run,)):
                steps.setdefault(row["attempt"], []).append(step_of(row))
            attempts = [
                AttemptInfo(attempt=row["attempt"], steps=tuple(steps.get(row["attempt"], ())), **state_of(row))
                for row in self._db.execute("SELECT * FROM attempts WHERE run = ? ORDER BY attempt", (run,))
            ]
            return RunDetail(run=info, attempts=tuple(attempts))

    def attempt_phase(self, run: int, attempt: int) -> str | None:
        """None: that attempt has not started. Raises Unknown."""
        with snapshot(self._db):
            self._info(run)
            row = self._db.execute(
                "SELECT phase FROM attempts WHERE run = ? AND attempt = ?", (run, attempt)
            ).fetchone()
            return None if row is None else str(row["phase"])

    # -- retention

    def prune(self, *, keep_runs: int, deliveries_before: float) -> tuple[int, ...]:
        """Forget finished runs beyond the newest `keep_runs` of each repository, and old deliveries. Returns the runs.

        A delivery of a kept run is kept, so that it is recognised for as long as its run is shown.
        """
        with transaction(self._db):
            rows = self._db.execute(
                "SELECT id FROM (SELECT id, phase,"
                " row_number() OVER (PARTITION BY repository ORDER BY id DESC) AS place FROM runs)"
                " WHERE place > ? AND phase = 'finished'"
                " AND id NOT IN (SELECT run FROM deliveries WHERE run IS NOT NULL AND received_at >= ?)",
                (keep_runs, deliveries_before),
            ).fetchall()
            gone = tuple(int(row["id"]) for row in rows)
            self._db.executemany("DELETE FROM runs WHERE id = ?", [(run,) for run in gone])
            self._db.execute("DELETE FROM deliveries WHERE run IS NULL AND received_at < ?", (deliveries_before,))
            return gone


def _expect(info: RunInfo, attempt: int) -> None:
    if attempt and attempt != info.attempt:
        raise Conflict(f"run {info.id} is at attempt {info.attempt} by now, not {attempt}")
