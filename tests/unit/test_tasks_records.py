"""How targets decide the end of a batch, and how followers see changes."""

from __future__ import annotations

from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cockpit.tasks.action import FINAL, Risk, State
from cockpit.tasks.process import Owner, alive, this
from cockpit.tasks.records import Records, TargetOutcome, TaskRecord, settled, verdict

RECORD = TaskRecord(
    key="t1", action="x.do", sentence="Do x", state=State.QUEUED, risk=Risk.SAFE, lane="default", who="ops",
    created_at=100.0, owner=Owner(1, 2, "boot"),
)  # fmt: skip


def outcomes(*states: State | None) -> tuple[TargetOutcome, ...]:
    return tuple(TargetOutcome(f"k{n}", f"n{n}", state=state) for n, state in enumerate(states))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ((), (State.SUCCEEDED, "")),
        ((None, None), (State.SUCCEEDED, "")),
        ((State.SUCCEEDED, State.FAILED, None), (State.FAILED, "1 of 3 failed")),
        ((State.FAILED, State.TIMED_OUT, State.UNKNOWN), (State.FAILED, "2 of 3 failed, 1 unknown")),
        ((State.SUCCEEDED, State.UNKNOWN), (State.UNKNOWN, "1 of 2 unknown")),
        ((State.CANCELLED, State.SUCCEEDED), (State.CANCELLED, "1 of 2 cancelled")),
    ],
)
def test_targets_decide(states: tuple[State | None, ...], expected: tuple[State, str]) -> None:
    assert verdict(outcomes(*states)) == expected


def test_a_target_without_an_end_takes_the_one_of_the_task() -> None:
    record = replace(RECORD, targets=outcomes(State.FAILED, State.RUNNING, None))
    ended = settled(record, State.TIMED_OUT, "after 1 s", 200.0)
    assert [t.state for t in ended.targets] == [State.FAILED, State.TIMED_OUT, State.TIMED_OUT]
    assert ended.ended and ended.ended_at == 200.0


@given(st.sampled_from(sorted(FINAL)))
def test_duration_never_counts_on_after_an_end(state: State) -> None:
    assert replace(RECORD, state=state, started_at=10.0).duration_seconds(99.0) is None
    assert replace(RECORD, state=state, started_at=10.0, ended_at=12.0).duration_seconds(99.0) == 2.0


def test_a_process_is_its_pid_its_start_and_its_boot() -> None:
    me = this()
    assert alive(me)
    assert not alive(replace(me, start=me.start + 1))
    assert not alive(replace(me, boot="another"))
    assert not alive(replace(me, pid=2**22 + 1))


async def test_each_follower_gets_its_own_merged_changes() -> None:
    records = Records()
    records.put(RECORD)
    async with aclosing(records.follow(0.0)) as one, aclosing(records.follow(0.0)) as two:  # type: ignore[type-var]
        first = await anext(one)
        assert first.reset and dict(first.upserts) == {"t1": RECORD}
        await anext(two)
        running = replace(RECORD, state=State.RUNNING)
        records.put(running)
        records.put(replace(RECORD, key="t2"))
        records.drop("t2")
        for follower in (one, two):
            delta = await anext(follower)
            assert not delta.reset and delta.upserts == {"t1": running} and delta.removed == {"t2"}
    assert not records._followers
