"""The ledger's invariants under any order of what can happen to it, restarts included."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cockpit.server.ci.ledger import INTERRUPTIONS, Conflict, Delivery, Ledger, NewRun, Unknown
from cockpit.server.ci.schema import connect
from cockpit.tasks.store import transaction

NOW = 1_700_000_000.0


def new(repository: str = "acme/shop") -> NewRun:
    return NewRun(repository=repository, ref="refs/heads/main", sha="a" * 40, event="push")


def accept(ledger: Ledger, key: str, repository: str = "acme/shop") -> int:
    return ledger.accept(new(repository), Delivery(provider="github", id=key), NOW)[0].id


class Life(RuleBasedStateMachine):
    """A model of the queue beside the real one: nothing lost, nothing twice, no result without an end."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ci.db"
        self.ledger = self.opened()
        self.now = NOW
        self.runs: dict[int, tuple[str, int]] = {}
        """(phase, attempt) by run, as it must be."""
        self.by_delivery: dict[str, int] = {}
        self.changes = 0

    def opened(self) -> Ledger:
        """Without fsync: no power is cut here, and thousands of transitions are to be quick."""
        ledger = Ledger(self.path, writer=True)
        ledger._db.execute("PRAGMA synchronous=OFF")
        return ledger

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    def tick(self) -> float:
        self.now += 1
        return self.now

    @rule(key=st.sampled_from("abcdefgh"), repository=st.sampled_from(("acme/shop", "acme/blog")))
    def deliver(self, key: str, repository: str) -> None:
        info, fresh = self.ledger.accept(new(repository), Delivery(provider="github", id=key), self.tick())
        assert fresh == (key not in self.by_delivery)
        assert self.by_delivery.setdefault(key, info.id) == info.id
        if fresh:
            self.runs[info.id] = ("queued", 1)

    @rule()
    def claim(self) -> None:
        claim = self.ledger.claim(self.tick())
        queued = [run for run, (phase, _) in self.runs.items() if phase == "queued"]
        assert (claim is None) == (not queued)
        if claim is not None:
            phase, attempt = self.runs[claim.run.id]
            assert (phase, attempt) == ("queued", claim.run.attempt)
            self.runs[claim.run.id] = ("running", attempt)

    @rule(run=st.integers(1, 9), attempt=st.integers(1, 4), result=st.sampled_from(("success", "failed", "timed_out")))
    def finish(self, run: int, attempt: int, result: str) -> None:
        phase, newest = self.runs.get(run, ("", 0))
        if phase in ("running", "cancelling") and attempt == newest:
            self.ledger.finish(run, attempt, result, "", self.tick())
            self.runs[run] = ("finished", newest)
        else:
            with pytest.raises((Conflict, Unknown)):
                self.ledger.finish(run, attempt, result, "", self.tick())

    @rule(run=st.integers(1, 9))
    def cancel(self, run: int) -> None:
        phase, newest = self.runs.get(run, ("", 0))
        if phase in ("", "finished"):
            with pytest.raises((Conflict, Unknown)):
                self.ledger.cancel(run, 0, "", self.tick())
            return
        self.ledger.cancel(run, newest, "mira", self.tick())
        self.runs[run] = ("finished" if phase == "queued" else "cancelling", newest)

    @rule(run=st.integers(1, 9))
    def rerun(self, run: int) -> None:
        phase, newest = self.runs.get(run, ("", 0))
        if phase != "finished":
            with pytest.raises((Conflict, Unknown)):
                self.ledger.rerun(run, 0, "", self.tick())
            return
        assert self.ledger.rerun(run, newest, "", self.tick()).attempt == newest + 1
        self.runs[run] = ("queued", newest + 1)

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = self.opened()
        opened = self.ledger.open_attempts()
        assert {was.run for was in opened} == {
            run for run, (phase, _) in self.runs.items() if phase in ("running", "cancelling")
        }
        for was in opened:
            info = self.ledger.interrupt(was.run, was.attempt, "the server ended", self.tick())
            assert (info.phase == "finished") == (self.runs[was.run][0] == "cancelling" or "in a row" in info.reason)
            self.runs[was.run] = (info.phase, info.attempt)

    @invariant()
    def agrees(self) -> None:
        listed = self.ledger.runs("", 100, 0)
        assert {run.id: (run.phase, run.attempt) for run in listed.runs} == self.runs
        assert listed.last >= self.changes, "a reader must not go back"
        missed = self.ledger.changes(self.changes, 100)
        assert missed.last == listed.last
        self.changes = listed.last
        for run in listed.runs:
            assert (run.result is not None) == (run.phase == "finished")
            assert (run.finished_at is not None) == (run.phase == "finished")
        for repository in ("acme/shop", "acme/blog"):
            numbers = sorted(run.number for run in listed.runs if run.repository == repository)
            assert numbers == list(range(1, len(numbers) + 1))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "ci.db", writer=True)
    yield opened
    opened.close()


def test_a_late_worker_changes_nothing(ledger: Ledger) -> None:
    run = accept(ledger, "a")
    assert ledger.claim(NOW) is not None
    ledger.interrupt(run, 1, "the server ended", NOW)
    assert ledger.claim(NOW) is not None
    late = [
        lambda: ledger.finish(run, 1, "success", "", NOW),
        lambda: ledger.plan(run, 1, ["a"], NOW),
        lambda: ledger.start_step(run, 1, 1, 0, NOW),
        lambda: ledger.finish_step(run, 1, 1, "success", "", NOW),
        lambda: ledger.describe(run, 1, sha="b", name="x", now=NOW),
        lambda: ledger.interrupt(run, 1, "", NOW),
    ]
    for deed in late:
        with pytest.raises(Conflict):
            deed()
    assert ledger.detail(run).run.phase == "running"


def test_a_run_that_always_takes_the_server_down_is_given_up(ledger: Ledger) -> None:
    run = accept(ledger, "a")
    for attempt in range(1, INTERRUPTIONS + 1):
        assert ledger.claim(NOW) is not None
        info = ledger.interrupt(run, attempt, "the server ended", NOW)
    assert (info.phase, info.result, info.attempt) == ("finished", "errored", INTERRUPTIONS)
    assert info.reason == f"the server ended, {INTERRUPTIONS} times in a row"
    assert ledger.claim(NOW) is None


def test_a_push_is_one_change_whatever_its_delivery_id(ledger: Ledger) -> None:
    first, _ = ledger.accept(new(), Delivery(provider="github", id="a", change="c"), NOW)
    again, fresh = ledger.accept(new(), Delivery(provider="github", id="b", change="c"), NOW)
    assert (again.id, fresh) == (first.id, False)
    other, fresh = ledger.accept(new(), Delivery(provider="api", id="a"), NOW)
    assert fresh, "an id belongs to its provider"
    assert other.id != first.id


def test_the_oldest_goes_first_and_a_rerun_goes_last(ledger: Ledger) -> None:
    runs = [accept(ledger, key) for key in "abc"]
    claimed = ledger.claim(NOW)
    assert claimed is not None
    ledger.finish(runs[0], 1, "failed", "", NOW + 1)
    ledger.rerun(runs[0], 1, "", NOW + 2)
    order = []
    while (claim := ledger.claim(NOW + 3)) is not None:
        order.append(claim.run.id)
    assert order == [runs[1], runs[2], runs[0]]


def test_an_ended_attempt_leaves_no_open_step(ledger: Ledger) -> None:
    run = accept(ledger, "a")
    ledger.claim(NOW)
    ledger.plan(run, 1, ["one", "two", "three"], NOW)
    ledger.start_step(run, 1, 1, 0, NOW)
    ledger.finish_step(run, 1, 1, "success", "", NOW)
    ledger.start_step(run, 1, 2, 10, NOW)
    ledger.finish(run, 1, "timed_out", "too long", NOW)
    steps = ledger.detail(run).attempts[0].steps
    assert [(step.phase, step.result) for step in steps] == [
        ("finished", "success"),
        ("finished", "timed_out"),
        ("finished", "skipped"),
    ]


def test_retention_keeps_what_is_open_and_what_is_recent(ledger: Ledger) -> None:
    runs = [accept(ledger, str(number)) for number in range(6)]
    for run in runs[:5]:
        ledger.claim(NOW)
        if run != runs[1]:
            ledger.finish(run, 1, "success", "", NOW)
    assert ledger.prune(keep_runs=2, deliveries_before=NOW - 1) == (), "their deliveries may come again"
    assert set(ledger.prune(keep_runs=2, deliveries_before=NOW + 1)) == {runs[0], runs[2], runs[3]}
    assert [run.id for run in ledger.runs("", 10, 0).runs] == [runs[5], runs[4], runs[1]]
    assert accept(ledger, "later") > runs[5]
    with pytest.raises(Unknown):
        ledger.detail(runs[0])


def test_a_database_of_a_newer_cockpit_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "ci.db", writer=True).close()
    with sqlite3.connect(tmp_path / "ci.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(sqlite3.DatabaseError, match="newer cockpit"):
        Ledger(tmp_path / "ci.db", writer=True)


def test_a_commit_that_fails_leaves_the_ledger_usable(tmp_path: Path) -> None:
    db = connect(tmp_path / "ci.db", writer=True)
    with pytest.raises(sqlite3.IntegrityError), transaction(db):
        db.execute("PRAGMA defer_foreign_keys=ON")
        db.execute("INSERT INTO attempts (run, attempt, cookie, phase) VALUES (7, 1, '', 'running')")
    with transaction(db):
        assert db.execute("SELECT count(*) FROM attempts").fetchone()[0] == 0
    db.close()
