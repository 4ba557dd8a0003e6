"""The journal itself: finding, forgetting, and the mend in each message."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cockpit.tasks import journal as module
from cockpit.tasks import process
from cockpit.tasks.action import Risk, State
from cockpit.tasks.journal import Journal
from cockpit.tasks.records import TargetOutcome, TaskRecord
from cockpit.tasks.store import StoreError

ME = process.this()
GONE = replace(ME, start=ME.start - 1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "tasks")
    yield opened
    opened.close()


def record(key: str, at: float, state: State = State.SUCCEEDED, owner: process.Owner = ME) -> TaskRecord:
    return TaskRecord(
        key=key, action="x.do", sentence="Do", state=state, risk=Risk.SAFE, lane="default", who="ops", created_at=at,
        owner=owner, started_at=at, targets=(TargetOutcome("k", "n"),),
    )  # fmt: skip


def test_rows_come_back_as_they_were(journal: Journal) -> None:
    one = record("abc", 10.0)
    journal.begin(one)
    ended = replace(one, ended_at=11.0, why="so", targets=(TargetOutcome("k", "n", state=State.FAILED, why="no"),))
    journal.write([ended])
    assert journal.find("ab") == [ended] == journal.latest(5)
    assert journal.find("%") == journal.find("_bc") == []


def test_states_are_filtered_as_they_are_shown(journal: Journal) -> None:
    for number, (state, owner) in enumerate(
        [(State.RUNNING, ME), (State.RUNNING, GONE), (State.QUEUED, GONE), (State.SUCCEEDED, GONE)]
    ):
        journal.begin(record(f"t{number}", float(number), state, owner))

    def keys(*states: State) -> list[str]:
        return [r.key for r in journal.latest(9, states=states)]

    for _ in range(2):
        assert keys(State.RUNNING) == ["t0"]
        assert keys(State.INTERRUPTED) == ["t1"]
        assert keys(State.CANCELLED) == ["t2"]
        assert keys(State.SUCCEEDED) == ["t3"]
        journal.sweep()
    assert "nothing was done" in journal.find("t2")[0].why


def test_old_and_surplus_tasks_are_forgotten_but_never_running_ones(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = module.KEEP_SECONDS + 1000.0
    monkeypatch.setattr(module, "KEEP_TASKS", 3)
    journal.begin(record("old", 1.0))
    journal.begin(record("running", 2.0, State.RUNNING))
    for number in range(4):
        journal.begin(record(f"new{number}", now + number))
    assert sorted(journal.prune(now)) == ["new0", "old"]
    assert [r.key for r in journal.recent(0, 9)] == ["new3", "new2", "new1", "running"]
    assert [r.key for r in journal.recent(0, 1)] == ["new3", "running"]
    assert journal._db.execute("select count(*) from target").fetchone() == (4,)


def test_changes_of_others_are_noticed(journal: Journal, tmp_path: Path) -> None:
    assert journal.changed() and not journal.changed()
    other = Journal(tmp_path / "tasks")
    other.begin(record("t", 1.0))
    other.close()
    assert journal.changed() and not journal.changed()


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tasks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="COCKPIT_STATE_DIR"):
        Journal(tmp_path / "tasks")


def test_a_word_that_is_no_state_is_damage_not_a_traceback(journal: Journal) -> None:
    journal.begin(record("t", 1.0))
    journal._db.execute("update task set state='odd'")
    with pytest.raises(StoreError, match="is damaged"):
        journal.latest(5)
