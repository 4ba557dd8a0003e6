"""The note for the next on call: what was done, by whom, on what; first what needs a look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from cockpit.model.printable import printable
from cockpit.model.units import human_duration
from cockpit.tasks.action import State
from cockpit.tasks.records import TaskRecord

_DOUBT = frozenset({State.UNKNOWN, State.INTERRUPTED})
_BAD = frozenset({State.FAILED, State.TIMED_OUT})
_OPEN = frozenset({State.QUEUED, State.RUNNING})


class Section(Struct, frozen=True):
    title: str
    tasks: tuple[TaskRecord, ...]


def sections(records: Iterable[TaskRecord]) -> list[Section]:
    """Failures, then what is in doubt, then what still runs, then the rest; each oldest first, none empty."""
    ordered = sorted(records, key=lambda task: task.created_at)
    parts = (
        ("Failed", _BAD),
        ("Needs a look: the outcome is not known", _DOUBT),
        ("Still running", _OPEN),
        ("Done", frozenset({State.SUCCEEDED})),
        ("Cancelled", frozenset({State.CANCELLED})),
    )
    found = [Section(title, tuple([t for t in ordered if t.state in states])) for title, states in parts]
    return [section for section in found if section.tasks]


def text(records: Iterable[TaskRecord], since: float, now: float) -> str:
    """For a terminal or a mail."""
    lines = [f"Tasks from {_clock(since)} to {_clock(now)}"]
    parts = sections(records)
    if not parts:
        lines += ["", "Nothing was done."]
    for section in parts:
        lines += ["", f"{section.title} ({len(section.tasks)})"]
        lines += [f"  {line}" for task in section.tasks for line in _said(task, now)]
    return "\n".join(lines) + "\n"


def markdown(records: Iterable[TaskRecord], since: float, now: float) -> str:
    """For a chat or a ticket."""
    lines = [f"# Tasks from {_clock(since)} to {_clock(now)}"]
    parts = sections(records)
    if not parts:
        lines += ["", "Nothing was done."]
    for section in parts:
        lines += ["", f"## {section.title} ({len(section.tasks)})", ""]
        for task in section.tasks:
            first, *rest = [_escaped(line) for line in _said(task, now)]
            lines += [f"- {first}", *[f"  - {line.strip()}" for line in rest]]
    return "\n".join(lines) + "\n"


def _said(task: TaskRecord, now: float) -> Sequence[str]:
    seconds = task.duration_seconds(now)
    took = "" if seconds is None else f", took {human_duration(seconds)}"
    tries = f", {task.attempts} attempts" if task.attempts > 1 else ""
    state = task.state.replace("_", " ")
    lines = [f"{_clock(task.created_at)} {task.sentence}: {state} (by {task.who}{took}{tries}, task {task.key})"]
    if task.why:
        lines.append(f"    why: {task.why}")
    if len(task.targets) == 1:
        lines.append(f"    on {task.targets[0].name}")
    elif task.targets:
        good = [t.name for t in task.targets if t.state is State.SUCCEEDED]
        lines += [
            f"    {t.name}: {t.state.replace('_', ' ')}{': ' if t.why else ''}{t.why}"
            for t in task.targets
            if t.state not in (State.SUCCEEDED, None)
        ]
        if good:
            lines.append(f"    well on {len(good)}: {', '.join(good[:20])}{' ...' if len(good) > 20 else ''}")
    return [printable(line) for line in lines]


def _clock(instant: float) -> str:
    """Local time with its offset: the next on call may sit elsewhere."""
    return datetime.fromtimestamp(instant).astimezone().strftime("%Y-%m-%d %H:%M:%S%z")


def _escaped(line: str) -> str:
    """What stands in a sentence or a host's answer is never markup."""
    return "".join([f"\\{char}" if char in "\\`*_[]<>#|~!" else char for char in line])
