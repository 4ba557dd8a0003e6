"""Jobs from submit to their recorded end, on a real journal."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from cockpit.model import errors
from cockpit.tasks.action import CancelUnconfirmed, Job, Progress, Retry, State, Target
from cockpit.tasks.journal import Journal
from cockpit.tasks.manager import TaskManager, dry_run
from cockpit.tasks.records import TaskRecord

SECONDS = 30.0
Run = Callable[[Progress], Awaitable[None]]


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[TaskManager]:
    async with TaskManager.open(tmp_path) as opened:
        yield opened


def job(run: Run, *names: str, **options: object) -> Job:
    targets = tuple(Target(f"fleet/{name}", name) for name in names)
    return Job("test.do", "Do it", targets, run, **options)  # type: ignore[arg-type]


async def nothing(_: Progress) -> None:
    return None


async def for_ever(_: Progress) -> None:
    await asyncio.Event().wait()


async def ended(manager: TaskManager, job: Job) -> TaskRecord:
    async with asyncio.timeout(SECONDS):
        return await manager.submit(job).done()


def recorded(folder: Path, key: str) -> TaskRecord:
    journal = Journal(folder / "tasks")
    try:
        (record,) = journal.find(key)
        return record
    finally:
        journal.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other managers do is looked at more often than a person needs."""
    monkeypatch.setattr("cockpit.tasks.manager.REFRESH_SECONDS", 0.05)
    monkeypatch.setattr("cockpit.tasks.manager.WRITE_SECONDS", 0.02)


def running_runs() -> list[str]:
    """Runs that have not stopped, strays too."""
    return [name for task in asyncio.all_tasks() if (name := task.get_name()).startswith("run:")]


async def test_success_is_recorded_with_who_when_what(manager: TaskManager, tmp_path: Path) -> None:
    async def run(progress: Progress) -> None:
        progress.say("hello")
        progress.step(2, 2)
        progress.outcome("web1", State.SUCCEEDED, "was up")

    record = await ended(manager, job(run, "web1", "web2"))
    assert (record.state, record.done, record.attempts) == (State.SUCCEEDED, 2, 1)
    assert record.who and record.started_at and record.ended_at and record.owner.pid == os.getpid()
    assert [(t.name, t.state, t.why) for t in record.targets] == [
        ("web1", State.SUCCEEDED, "was up"),
        ("web2", State.SUCCEEDED, ""),
    ]
    assert recorded(tmp_path, record.key) == record
    assert await manager.output(record.key) == ["hello"]


async def test_the_row_is_durable_before_the_effect(manager: TaskManager, tmp_path: Path) -> None:
    seen: list[str] = []

    async def run(progress: Progress) -> None:
        other = sqlite3.connect(tmp_path / "tasks" / "journal.db")
        seen.extend(other.execute("select state from task").fetchone())
        other.close()

    await ended(manager, job(run))
    assert seen == ["running"]


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        (errors.Unreachable("no answer; is it up?"), State.FAILED, "no answer; is it up?"),
        (errors.UnknownOutcome("sent, no answer"), State.UNKNOWN, "sent, no answer"),
        (TimeoutError(), State.FAILED, "it waited in vain for an answer"),
        (CancelUnconfirmed("host gone"), State.FAILED, "cancel unconfirmed: host gone"),
        (ValueError("two\nlines"), State.FAILED, "ValueError: two lines"),
        (
            ExceptionGroup("g", [errors.Denied("no"), ExceptionGroup("h", [errors.UnknownOutcome("doubt")])]),
            State.UNKNOWN,
            "doubt",
        ),
    ],
)
async def test_errors_are_ends(manager: TaskManager, error: Exception, state: State, why: str) -> None:
    async def run(_: Progress) -> None:
        raise error

    record = await ended(manager, job(run))
    assert (record.state, record.why) == (state, why)


async def test_a_batch_with_failures_has_failed(manager: TaskManager) -> None:
    async def run(progress: Progress) -> None:
        for number in range(40):
            progress.outcome(f"w{number}", State.FAILED if number < 3 else State.SUCCEEDED)

    record = await ended(manager, job(run, *[f"w{n}" for n in range(40)]))
    assert (record.state, record.why) == (State.FAILED, "3 of 40 failed")


async def test_time_out_stops_the_run(manager: TaskManager) -> None:
    stopped = asyncio.Event()

    async def run(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    record = await ended(manager, job(run, timeout_seconds=0.05))
    assert (record.state, record.why) == (State.TIMED_OUT, "after 0.05 s") and stopped.is_set()


async def test_cancel_is_true_or_says_that_it_is_not(manager: TaskManager) -> None:
    over = asyncio.Event()

    async def stubborn(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await over.wait()

    async def cannot(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CancelUnconfirmed("the link is down") from None

    async def finishes(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    expected = [
        (for_ever, State.CANCELLED, ""),
        (stubborn, State.FAILED, "cancel unconfirmed: it did not stop within 0.1 s"),
        (cannot, State.FAILED, "cancel unconfirmed: the link is down"),
        (finishes, State.SUCCEEDED, ""),
    ]
    for run, state, why in expected:
        under_way = asyncio.Event()

        async def begin(progress: Progress, run: Run = run, under_way: asyncio.Event = under_way) -> None:
            under_way.set()
            await run(progress)

        task = manager.submit(job(begin, stop_seconds=0.1))
        async with asyncio.timeout(SECONDS):
            await under_way.wait()
        manager.cancel(task.id)
        manager.cancel(task.id)
        async with asyncio.timeout(SECONDS):
            record = await task.done()
        assert (record.state, record.why) == (state, why)
    over.set()
    await until(lambda: not running_runs())


async def test_a_cancelled_queue_does_nothing_and_frees_its_place(manager: TaskManager) -> None:
    ran: list[str] = []

    async def run(_: Progress) -> None:
        ran.append("ran")

    keys = frozenset({"fleet/web1"})
    first = manager.submit(job(for_ever, exclusive=keys))
    second = manager.submit(job(run, exclusive=keys))
    third = manager.submit(job(run, exclusive=keys))
    await until(lambda: first.record.state is State.RUNNING and "waits" in third.record.why)
    manager.cancel(second.id)
    record = await second.done()
    assert (record.state, record.why, ran) == (State.CANCELLED, "before it started", [])
    manager.cancel(first.id)
    async with asyncio.timeout(SECONDS):
        assert (await third.done()).state is State.SUCCEEDED
    assert ran == ["ran"]


async def test_locks_come_before_the_lane(tmp_path: Path) -> None:
    """Tasks that wait for a target take no place from others."""
    async with TaskManager.open(tmp_path, lanes={"narrow": 2}) as manager:
        held = [manager.submit(job(for_ever, lane="narrow", exclusive=frozenset({"k"}))) for _ in range(3)]
        free = manager.submit(job(nothing, lane="narrow"))
        async with asyncio.timeout(SECONDS):
            assert (await free.done()).state is State.SUCCEEDED
        for task in held:
            manager.cancel(task.id)


async def test_lanes_are_bounded(tmp_path: Path) -> None:
    running = peak = 0
    go = asyncio.Event()

    async def run(_: Progress) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await go.wait()
        running -= 1

    async with TaskManager.open(tmp_path, lanes={"l": 3}) as manager, asyncio.timeout(SECONDS):
        tasks = [manager.submit(job(run, lane="l")) for _ in range(12)]
        await until(lambda: running == 3 and sum("in the lane l" in task.record.why for task in tasks) == 9)
        go.set()
        await asyncio.gather(*[task.done() for task in tasks])
    assert peak == 3


async def test_retry_for_named_errors_only(manager: TaskManager) -> None:
    async def flaky(progress: Progress) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise errors.Unreachable("down")

    async def doubtful(_: Progress) -> None:
        calls.append(1)
        raise errors.UnknownOutcome("sent")

    retry = Retry((errors.SourceError,), attempts=3, first_seconds=0.01)
    calls: list[int] = []
    record = await ended(manager, job(flaky, retry=retry))
    assert (record.state, record.attempts, len(calls)) == (State.SUCCEEDED, 3, 3)
    calls.clear()
    record = await ended(manager, job(doubtful, retry=retry))
    assert (record.state, record.attempts, len(calls)) == (State.UNKNOWN, 1, 1)


async def test_a_cancel_between_attempts_is_at_once(manager: TaskManager) -> None:
    async def down(_: Progress) -> None:
        raise errors.Unreachable("down")

    task = manager.submit(job(down, retry=Retry((errors.Unreachable,), attempts=9, first_seconds=60.0)))
    await until(lambda: task.output.total_bytes > 0)
    manager.cancel(task.id)
    async with asyncio.timeout(5):
        record = await task.done()
    assert (record.state, record.why) == (State.CANCELLED, "the last attempt failed: down")


async def test_read_only_targets_are_refused(manager: TaskManager) -> None:
    refused = Job("x.do", "Do", (Target("a", "web1", read_only=True),), nothing)
    with pytest.raises(errors.Refused, match="web1 is read-only"):
        manager.submit(refused)
    with pytest.raises(errors.Refused):
        dry_run(refused)
    assert not manager.records


async def test_a_dry_run_names_everything_and_does_nothing() -> None:
    async def run(_: Progress) -> None:
        raise AssertionError("it ran")

    lines = dry_run(Job("x.do", "Delete pod a", (Target("k", "a", production=True),), run, preview=("DELETE /a",)))
    assert lines == ["Delete pod a", "  a (production)", "DELETE /a", "dry run: nothing was changed"]


async def test_drain_lets_work_end_then_cancels_and_names_doubt(tmp_path: Path) -> None:
    over = asyncio.Event()

    async def short(_: Progress) -> None:
        await asyncio.sleep(0.05)

    async def stubborn(_: Progress) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await over.wait()

    async with TaskManager.open(tmp_path) as manager:
        quick, long = manager.submit(job(short)), manager.submit(job(for_ever))
        bad = manager.submit(job(stubborn, stop_seconds=0.05))
        queued = manager.submit(job(nothing, exclusive=frozenset({"k"})))
        await until(lambda: all(t.record.started_at for t in (quick, long, bad)))
        async with asyncio.timeout(SECONDS):
            doubtful = await manager.drain(1.0)
        assert [r.key for r in doubtful] == [bad.id]
        assert quick.record.state is State.SUCCEEDED and long.record.state is State.CANCELLED
        assert queued.record.ended
        with pytest.raises(errors.Refused, match="closing"):
            manager.submit(job(nothing))
        over.set()
        await until(lambda: not running_runs())


@pytest.mark.usefixtures("often")
async def test_followers_see_every_task_of_both_managers(tmp_path: Path) -> None:
    async with TaskManager.open(tmp_path) as one, TaskManager.open(tmp_path) as two:
        task = two.submit(job(for_ever, "web1"))
        await until(lambda: task.record.state is State.RUNNING)
        async with asyncio.timeout(SECONDS), aclosing(one.follow(0.01)) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                record = delta.upserts.get(task.id)
                if record is not None and record.state is State.RUNNING:
                    break
        with pytest.raises(errors.Refused, match="another cockpit"):
            one.cancel(task.id)
        two.cancel(task.id)
        await task.done()
        await until(lambda: one.records[task.id].state is State.CANCELLED)


async def test_locks_bind_managers_and_tell_what_they_wait_for(tmp_path: Path) -> None:
    keys = frozenset({"fleet/web1"})
    async with TaskManager.open(tmp_path) as one, TaskManager.open(tmp_path) as two:
        first = one.submit(job(for_ever, exclusive=keys))
        await until(lambda: first.record.state is State.RUNNING)
        second = two.submit(job(nothing, exclusive=keys))
        await until(lambda: "waits for fleet/web1" in second.record.why)
        one.cancel(first.id)
        async with asyncio.timeout(SECONDS):
            assert (await second.done()).state is State.SUCCEEDED
        assert second.record.why == ""


@pytest.mark.usefixtures("often")
async def test_tail_follows_here_and_in_another_manager(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def run(progress: Progress) -> None:
        progress.say("one", target="web1")
        await go.wait()
        progress.write(b"two\xff", target="web2")

    async with TaskManager.open(tmp_path) as one, TaskManager.open(tmp_path) as two, asyncio.timeout(SECONDS):
        task = one.submit(job(run, "web1", "web2"))
        await until(lambda: task.id in two.records)

        async def read(manager: TaskManager, target: str = "") -> list[str]:
            got = []
            async with aclosing(manager.tail(task.id, target)) as lines:  # type: ignore[type-var]
                async for line in lines:
                    got.append(line)
                    go.set()
            return got

        here, there, only = await asyncio.gather(read(one), read(two), read(two, "web2"))
        assert here == there == ["web1: one", "web2: two\ufffd"]
        assert only == ["two\ufffd"]
        assert await two.output(task.id, "web1") == ["one"]


async def test_files_are_private(manager: TaskManager, tmp_path: Path) -> None:
    async def run(progress: Progress) -> None:
        progress.say("x")

    await ended(manager, job(run, exclusive=frozenset({"k"})))
    folder = tmp_path / "tasks"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) >= 3 and all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


async def not_run(folder: Path) -> str:
    ran: list[str] = []

    async def run(_: Progress) -> None:
        ran.append("ran")

    async with TaskManager.open(folder) as manager, asyncio.timeout(SECONDS):
        await manager.loaded()
        record = await manager.submit(job(run)).done()
        assert record.state is State.FAILED and not ran and manager.fault
        assert "\n" not in record.why
    return record.why


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.usefixtures("quiet")
async def test_without_a_journal_nothing_is_run(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "COCKPIT_STATE_DIR" in await not_run(blocked)

    damaged = tmp_path / "damaged"
    (damaged / "tasks").mkdir(parents=True)
    (damaged / "tasks" / "journal.db").write_bytes(b"no database at all, but long enough to be looked at " * 40)
    assert "is damaged" in await not_run(damaged)

    newer = tmp_path / "newer"
    Journal(newer / "tasks").close()
    with sqlite3.connect(newer / "tasks" / "journal.db") as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    assert "written by a newer cockpit (schema 99" in await not_run(newer)


@pytest.mark.usefixtures("quiet")
async def test_a_full_disk_stops_new_work_and_an_end_is_written_later(
    manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await manager.loaded()
    journal = manager._books._journal
    assert journal is not None
    release = asyncio.Event()

    async def run(_: Progress) -> None:
        await release.wait()

    under_way = manager.submit(job(run))
    await until(lambda: under_way.record.state is State.RUNNING)
    await asyncio.sleep(0.05)
    full = Path(tmp_path, "tasks", "journal.db")
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    big = Job("x", "y" * 20_000, (), nothing)
    record = await manager.submit(big).done()
    assert record.why == f"not run, for it cannot be recorded: {full}: the disk is full; free some space"
    journal._db.execute("PRAGMA max_page_count=1000000")
    release.set()
    assert (await under_way.done()).state is State.SUCCEEDED
    assert (await ended(manager, big)).state is State.SUCCEEDED
    assert recorded(tmp_path, under_way.id).state is State.SUCCEEDED


async def test_a_spill_of_ten_thousand_lines_comes_back_whole(manager: TaskManager) -> None:
    async def run(progress: Progress) -> None:
        for number in range(10_000):
            progress.say(f"{number} " + "x" * 50)
            if number % 500 == 0:
                await progress.drained()

    record = await ended(manager, job(run))
    assert record.output_dropped == 0
    got = []
    async with aclosing(manager.tail(record.key)) as lines:  # type: ignore[type-var]
        async for line in lines:
            got.append(int(line.split()[0]))
    assert got == list(range(10_000))
    shown = await manager.output(record.key)
    assert len(shown) < 10_000 and any("left out here" in line for line in shown)


async def test_ended_tasks_hold_a_bounded_share_of_memory(
    manager: TaskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heads and tails are kept for each target: a chatty command on many hosts is megabytes."""
    monkeypatch.setattr("cockpit.tasks.manager.KEPT_BYTES", 500_000)
    names = [f"web{number}" for number in range(20)]

    async def run(progress: Progress) -> None:
        for name in names:
            progress.write(b"x" * 79 + b"\n" * 1000, target=name)
            progress.write((b"y" * 79 + b"\n") * 500, target=name)
        await progress.drained()

    keys = [(await ended(manager, job(run, *names))).key for _ in range(3)]
    assert [manager.task(key) is not None for key in keys] == [False, False, True]
    shown = await manager.output(keys[0], "web7")
    assert shown[-1] == "y" * 79 and manager.records[keys[0]].state is State.SUCCEEDED


@pytest.mark.usefixtures("quiet")
async def test_locks_that_cannot_be_given_back_change_no_outcome(manager: TaskManager, tmp_path: Path) -> None:
    """A full disk again: the effect was done, and saying otherwise would have it done twice."""
    keys = frozenset({"k"})
    await ended(manager, job(nothing, exclusive=keys))
    tickets = manager._locks._tickets
    assert tickets is not None

    async def run(_: Progress) -> None:
        tickets._db.execute("PRAGMA query_only=ON")

    record = await ended(manager, job(run, exclusive=keys))
    assert (record.state, record.why) == (State.SUCCEEDED, "")
    refused = await ended(manager, job(nothing, exclusive=keys))
    assert refused.state is State.FAILED and "not run" in refused.why
    tickets._db.execute("PRAGMA query_only=OFF")
    assert (await ended(manager, job(nothing, exclusive=keys))).state is State.SUCCEEDED
    with sqlite3.connect(tmp_path / "tasks" / "locks.db") as db:
        assert db.execute("select count(*) from ticket").fetchone() == (0,)
    db.close()


async def test_a_cancel_in_the_same_breath_is_recorded(manager: TaskManager, tmp_path: Path) -> None:
    ran: list[str] = []

    async def run(_: Progress) -> None:
        ran.append("ran")

    task = manager.submit(job(run))
    manager.cancel(task.id)
    async with asyncio.timeout(SECONDS):
        record = await task.done()
    assert (record.state, record.why, ran) == (State.CANCELLED, "before it started", [])
    assert recorded(tmp_path, task.id) == record


async def test_a_run_that_goes_on_talking_does_not_reopen_its_row(manager: TaskManager, tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def run(progress: Progress) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            progress.step(count, 0)
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                continue

    async def other(progress: Progress) -> None:
        progress.step(1, 2)
        await asyncio.Event().wait()

    async with asyncio.timeout(SECONDS):
        record = await manager.submit(job(run, stop_seconds=0.02, timeout_seconds=0.02)).done()
        later = manager.submit(job(other))
        await until(lambda: later.record.done == 1)
        while recorded(tmp_path, later.id).done != 1:  # progress is written now and then, for all tasks at once
            await asyncio.sleep(0.05)
        manager.cancel(later.id)
    assert record.state is State.FAILED and recorded(tmp_path, record.key) == record
    stop.set()


async def test_what_a_stray_run_says_later_is_counted_not_kept(manager: TaskManager) -> None:
    later = asyncio.Event()

    async def run(progress: Progress) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await later.wait()
            progress.say("late")
            progress.outcome("web1", State.SUCCEEDED)

    task = manager.submit(job(run, "web1", stop_seconds=0.01, timeout_seconds=0.01))
    async with asyncio.timeout(SECONDS):
        record = await task.done()
    assert record.why == "cancel unconfirmed: after 0.01 s, it did not stop within 0.01 s"
    later.set()
    await until(lambda: task.output.dropped_bytes == 5)
    assert task.record == record and not task.output.path.exists()


async def test_a_listener_that_breaks_does_not_break_the_work(manager: TaskManager) -> None:
    def gone(target: str, line: str) -> None:
        raise BrokenPipeError

    async def run(progress: Progress) -> None:
        progress.say("one")
        progress.say("two")

    async with asyncio.timeout(SECONDS):
        task = manager.submit(job(run), listener=gone)
        assert (await task.done()).state is State.SUCCEEDED
    assert await manager.output(task.id) == ["one", "two"]
