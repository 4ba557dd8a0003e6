"""The merged timeline and the handover note."""

from __future__ import annotations

from msgspec.structs import replace

from cockpit.listing.cells import row
from cockpit.model.moment import Moment
from cockpit.model.tone import Tone
from cockpit.session.tasks import TASK_COLUMNS
from cockpit.tasks.action import Risk, State
from cockpit.tasks.process import Owner
from cockpit.tasks.records import TargetOutcome, TaskRecord
from cockpit.triage import handover
from cockpit.triage.timeline import merged, task_moments

RECORD = TaskRecord(
    key="t1", action="pods.restart", sentence="Restart pod a", state=State.SUCCEEDED, risk=Risk.DISRUPTIVE,
    lane="pods", who="ops", created_at=100.0, owner=Owner(1, 2, "b"), started_at=101.0, ended_at=111.0,
    targets=(TargetOutcome("k", "shop/a", state=State.SUCCEEDED),),
)  # fmt: skip
FAILED = replace(
    RECORD,
    key="t2",
    sentence="Run `rm` on [3] hosts\x1b]52;c;eA==\x07",
    state=State.FAILED,
    why="1 of 2 failed",
    targets=(
        TargetOutcome("a", "web1", state=State.SUCCEEDED),
        TargetOutcome("b", "web2", state=State.FAILED, why="exit code 1"),
    ),
)
UNKNOWN = replace(RECORD, key="t3", state=State.UNKNOWN, why="sent, no answer", ended_at=130.0)


def test_newest_first_and_each_once() -> None:
    moments = [Moment(1.0, "pods", "a", "x"), Moment(3.0, "tasks", "a", "y"), Moment(1.0, "fleet", "b", "z")]
    assert [m.text for m in merged([*moments, *moments])] == ["y", "z", "x"]


def test_tasks_as_moments() -> None:
    moments = task_moments([RECORD, FAILED, UNKNOWN, replace(RECORD, key="old", ended_at=50.0)], since=105.0)
    assert [(m.at, m.subject, m.tone) for m in moments] == [
        (111.0, "shop/a", Tone.GOOD),
        (111.0, "2 targets", Tone.BAD),
        (130.0, "shop/a", Tone.WARN),
    ]
    assert moments[2].text == "Restart pod a by ops: unknown: sent, no answer"


def test_the_note_puts_failures_and_doubt_first() -> None:
    titles = [section.title for section in handover.sections([RECORD, UNKNOWN, FAILED])]
    assert titles == ["Failed", "Needs a look: the outcome is not known", "Done"]
    text = handover.text([RECORD, UNKNOWN, FAILED], 0.0, 200.0)
    assert "web2: failed: exit code 1" in text and "well on 1: web1" in text and "on shop/a" in text
    assert "\x1b" not in text and "\x07" not in text


def test_outside_text_is_never_markup_in_the_note() -> None:
    note = handover.markdown([FAILED], 0.0, 200.0)
    assert "Run \\`rm\\` on \\[3\\] hosts" in note and "## Failed (1)" in note
    assert "Nothing was done." in handover.markdown([], 0.0, 200.0)


def test_columns_draw_every_state() -> None:
    for state in State:
        record = replace(RECORD, state=state, ended_at=None, done=1, total=3)
        cells = {c.id: cell for c, cell in zip(TASK_COLUMNS, row(TASK_COLUMNS, record, 200.0), strict=True)}
        assert cells["state"].glyph and cells["state"].text.startswith(state.replace("_", " "))
        for column in TASK_COLUMNS:
            assert [column.sort_key(r) for r in sorted([record, FAILED, UNKNOWN], key=column.sort_key)]
    assert row(TASK_COLUMNS, FAILED, 200.0)[1].text == "Run `rm` on [3] hosts␛]52;c;eA==␇"
