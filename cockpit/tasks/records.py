"""What is known of a task, as a value, and the live set of tasks that can be followed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from cockpit.model.changes import Delta
from cockpit.model.followers import Followers
from cockpit.tasks.action import FINAL, Risk, State, Target
from cockpit.tasks.process import Owner


class TargetOutcome(Struct, frozen=True, gc=False):
    """One target of a task and how it ended, if that is known."""

    key: str
    name: str
    production: bool = False
    state: State | None = None
    """None: nothing said of it yet."""
    why: str = ""


class TaskRecord(Struct, frozen=True, gc=False):
    """One row of the journal. Instants are Unix seconds."""

    key: str
    """The task's id."""
    action: str
    sentence: str
    state: State
    risk: Risk
    lane: str
    who: str
    created_at: float
    owner: Owner
    """The process that runs it."""
    started_at: float | None = None
    ended_at: float | None = None
    why: str = ""
    """Of a queued task: what it waits for. Of an ended one: the cause."""
    done: int = 0
    total: int = 0
    targets: tuple[TargetOutcome, ...] = ()
    attempts: int = 0
    output_bytes: int = 0
    output_dropped: int = 0
    """Bytes of output that were not kept."""
    output_path: str = ""
    """The file that the output went to; empty when there was none."""

    @property
    def said(self) -> str:
        """`why`, or what the one target says of itself: how a shell ended, the bytes of a forwarded port."""
        return self.why or (self.targets[0].why if len(self.targets) == 1 else "")

    @property
    def ended(self) -> bool:
        return self.state in FINAL

    def duration_seconds(self, now: float) -> float | None:
        """How long it has run, or ran; None when it never started, or nobody saw its end."""
        end = self.ended_at if self.ended else now
        return None if self.started_at is None or end is None else max(0.0, end - self.started_at)


def targets_of(targets: Iterable[Target]) -> tuple[TargetOutcome, ...]:
    """Targets of which nothing is known yet."""
    return tuple([TargetOutcome(t.key, t.name, t.production) for t in targets])


def settled(record: TaskRecord, state: State, why: str, at: float) -> TaskRecord:
    """The record as it ends: a target of which nothing final was said takes the state of the task."""
    targets = tuple(
        [t if t.state in FINAL else replace(t, state=state, why=t.why if t.state else "") for t in record.targets]
    )
    return replace(record, state=state, why=why, ended_at=at, targets=targets)


def verdict(targets: Iterable[TargetOutcome]) -> tuple[State, str]:
    """How a run ended that returned: its targets decide. "3 of 40 failed, 1 unknown"."""
    counts = Counter([t.state for t in targets])
    bad = counts[State.FAILED] + counts[State.TIMED_OUT]
    parts = [(bad, "failed"), (counts[State.UNKNOWN], "unknown"), (counts[State.CANCELLED], "cancelled")]
    said = [(count, word) for count, word in parts if count]
    if not said:
        return State.SUCCEEDED, ""
    (count, word), *rest = said
    why = ", ".join([f"{count} of {counts.total()} {word}", *[f"{count} {word}" for count, word in rest]])
    return State(word), why


class Records:
    """Tasks by id. Each follower gets its own merged delta."""

    def __init__(self) -> None:
        self._items: dict[str, TaskRecord] = {}
        self._followers = Followers(self._items)

    @property
    def items(self) -> Mapping[str, TaskRecord]:
        return MappingProxyType(self._items)

    def put(self, record: TaskRecord) -> None:
        if self._items.get(record.key) != record:
            self._items[record.key] = record
            self._followers.put({record.key: record})

    def drop(self, key: str) -> None:
        if self._items.pop(key, None) is not None:
            self._followers.drop((key,))

    def follow(self, period: float) -> AsyncIterator[Delta[TaskRecord]]:
        """The whole at once, then at most one delta each `period` seconds."""
        return self._followers.follow(period)
