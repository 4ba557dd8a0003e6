"""How the tasks look in a table: the drawer and `cockpit tasks list` show the same columns."""

from __future__ import annotations

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.tasks.action import State
from cockpit.tasks.records import TaskRecord

STATE_TONES: dict[State, Tone] = {
    State.QUEUED: Tone.MUTED,
    State.RUNNING: Tone.BUSY,
    State.SUCCEEDED: Tone.GOOD,
    State.FAILED: Tone.BAD,
    State.CANCELLED: Tone.MUTED,
    State.TIMED_OUT: Tone.BAD,
    State.UNKNOWN: Tone.WARN,
    State.INTERRUPTED: Tone.WARN,
}
_URGENCY = {
    state: place
    for place, state in enumerate(
        (
            State.RUNNING, State.QUEUED, State.UNKNOWN, State.INTERRUPTED, State.FAILED, State.TIMED_OUT,
            State.CANCELLED, State.SUCCEEDED,
        )
    )
}  # fmt: skip


def _state(task: TaskRecord, now: float) -> Cell:
    tone = STATE_TONES[task.state]
    done = f" {task.done}/{task.total}" if task.total and task.state is State.RUNNING else ""
    return Cell(task.state.replace("_", " ") + done, tone, GLYPHS[tone])


def _targets(task: TaskRecord, now: float) -> Cell:
    names = [target.name for target in task.targets]
    text = names[0] if len(names) == 1 else f"{len(names)}: {', '.join(names[:3])}" if names else ""
    return Cell(text + (" ..." if len(names) > 3 else ""))


def _duration(task: TaskRecord, now: float) -> Cell:
    seconds = task.duration_seconds(now)
    return Cell("" if seconds is None else human_duration(seconds))


def _started(task: TaskRecord, now: float) -> Cell:
    at = task.started_at or task.created_at
    return Cell(f"{human_duration(max(0.0, now - at))} ago", Tone.MUTED)


TASK_COLUMNS: tuple[Column[TaskRecord], ...] = (
    Column("state", "State", 12, _state, lambda t: (_URGENCY[t.state], -t.created_at)),
    Column("what", "What", 32, lambda t, _: Cell(t.sentence), lambda t: t.sentence.lower(), least=16),
    Column(
        "targets", "Targets", 16, _targets, lambda t: (len(t.targets), t.targets[0].name if t.targets else ""), least=10
    ),
    Column("who", "Who", 8, lambda t, _: Cell(t.who, Tone.MUTED), lambda t: t.who, least=5),
    Column("started", "Started", 10, _started, lambda t: t.started_at or t.created_at, clock=True),
    Column(
        "duration",
        "Took",
        6,
        _duration,
        lambda t: t.ended_at - t.started_at if t.ended_at and t.started_at else 0.0,
        align="right",
        clock=True,
    ),
    Column("why", "Why", 24, lambda t, _: Cell(t.said, STATE_TONES[t.state]), lambda t: t.said, least=12),
    Column("id", "ID", 10, lambda t, _: Cell(t.key, Tone.MUTED), lambda t: t.key, wide=True),
    Column("action", "Action", 12, lambda t, _: Cell(t.action), lambda t: t.action, wide=True),
)
"""Sort by "started", newest first."""
