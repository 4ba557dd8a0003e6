"""What happened lately, of all panes and of the tasks, as one list."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.model.moment import Moment
from cockpit.model.tone import Tone
from cockpit.tasks.action import State
from cockpit.tasks.records import TaskRecord

_TONES = {
    State.SUCCEEDED: Tone.GOOD,
    State.FAILED: Tone.BAD,
    State.TIMED_OUT: Tone.BAD,
    State.UNKNOWN: Tone.WARN,
    State.INTERRUPTED: Tone.WARN,
    State.RUNNING: Tone.BUSY,
}


def merged(moments: Iterable[Moment]) -> list[Moment]:
    """Newest first, each once; those of one instant in a steady order."""
    return sorted(set(moments), key=lambda m: (-m.at, m.pane, m.subject, m.text))


def task_moments(records: Iterable[TaskRecord], since: float) -> list[Moment]:
    """How each task stands, at the instant when it came so, if that was after `since` (Unix seconds)."""
    found: list[Moment] = []
    for task in records:
        at = task.ended_at or task.started_at or task.created_at
        if at < since:
            continue
        names = [target.name for target in task.targets]
        subject = names[0] if len(names) == 1 else f"{len(names)} targets" if names else task.action
        why = f": {task.why}" if task.why else ""
        text = f"{task.sentence} by {task.who}: {task.state.replace('_', ' ')}{why}"
        found.append(Moment(at, "tasks", subject, text, _TONES.get(task.state, Tone.NORMAL)))
    return found
