"""What holds between cockpit processes, and what is left when one of them is killed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.tasks.action import State
from cockpit.tasks.journal import Journal
from cockpit.tasks.locks import SharedLocks
from cockpit.tasks.tickets import Tickets

SECONDS = 30.0
HOLDER = """
import asyncio, sys
from pathlib import Path
from cockpit.tasks.locks import SharedLocks
async def main():
    locks = SharedLocks(Path(sys.argv[1]))
    held = {sys.argv[2]: set(sys.argv[3].split(","))}
    async with locks.hold(**held):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    await locks.close()
    print("left", flush=True)
asyncio.run(main())
"""
CONTENDER = """
import asyncio, os, random, sys
from pathlib import Path
from cockpit.tasks.locks import SharedLocks
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
async def one(locks, keys):
    async with locks.hold(exclusive=keys):
        marks = [folder / f"mark-{key}" for key in keys]
        for mark in marks:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        await asyncio.sleep(random.random() * 0.004)
        for mark in marks:
            mark.unlink()
async def main():
    locks = SharedLocks(folder)
    async with asyncio.TaskGroup() as group:
        for _ in range(rounds):
            group.create_task(one(locks, random.sample("abc", 2)))
    await locks.close()
asyncio.run(main())
"""
WORKER = """
import asyncio, os, sys
from pathlib import Path
from cockpit.tasks.action import Job, State, Target
from cockpit.tasks.manager import TaskManager
effects = os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY | os.O_APPEND)
async def main():
    async with TaskManager.open(Path(sys.argv[1])) as manager:
        print("ready", flush=True)
        async def submit():
            async def run(progress):
                os.write(effects, f"{task.id}\\n".encode())
                progress.say("did it", target="a")
                progress.outcome("a", State.SUCCEEDED)
                await asyncio.sleep(0.002)
            targets = (Target("ka", "a"), Target("kb", "b"))
            task = manager.submit(Job("x", "Do", targets, run, exclusive=frozenset({"k"})))
            await task.done()
        async def for_ever():
            while True:
                await submit()
        await asyncio.gather(*[for_ever() for _ in range(4)])
asyncio.run(main())
"""
HEADLESS = """
import asyncio, sys
from pathlib import Path
from cockpit.tasks.action import CancelUnconfirmed, Job
from cockpit.tasks.headless import run_headless
from cockpit.tasks.manager import TaskManager
async def run(progress):
    progress.say("under way")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if sys.argv[2] == "unconfirmed":
            raise CancelUnconfirmed("the host does not answer") from None
        raise
async def main():
    async with TaskManager.open(Path(sys.argv[1])) as manager:
        record = await run_headless(manager, Job("x", "Do", (), run), on_output=lambda _, line: print(line, flush=True))
        print(record.state, record.why, flush=True)
asyncio.run(main())
"""


@contextmanager
def child(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


async def test_locks_of_a_killed_process_are_free(tmp_path: Path) -> None:
    with child(HOLDER, tmp_path, "exclusive", "a,b") as holder:
        assert line(holder) == "held"
        locks = SharedLocks(tmp_path)
        told: list[str] = []
        got = asyncio.Event()

        async def wait() -> None:
            async with locks.hold(shared={"b", "c"}, waiting=told.append):
                got.set()

        waiter = asyncio.create_task(wait())
        async with asyncio.timeout(SECONDS):
            while not told:
                await asyncio.sleep(0.01)
        assert told[0] == f"waits for b, held by cockpit process {holder.pid}" and not got.is_set()
        holder.kill()  # not reaped yet: a zombie holds nothing either
        killed = time.monotonic()
        async with asyncio.timeout(SECONDS):
            await waiter
        assert time.monotonic() - killed < 5
        await locks.close()


async def test_shared_is_shared_between_processes_and_a_writer_waits(tmp_path: Path) -> None:
    locks = SharedLocks(tmp_path)
    with child(HOLDER, tmp_path, "shared", "a") as reader:
        assert line(reader) == "held"
        async with asyncio.timeout(SECONDS), locks.hold(shared={"a"}):
            with child(HOLDER, tmp_path, "exclusive", "a") as writer:
                while not await asyncio.to_thread(_tickets, tmp_path, 3):
                    await asyncio.sleep(0.02)
                late = asyncio.create_task(_take(locks, "a"))
                reader.communicate("\n")
                assert not late.done(), "a younger reader passed a waiting writer"
                late.cancel()
                await asyncio.wait([late])
                writer.kill()
    await locks.close()


async def _take(locks: SharedLocks, key: str) -> None:
    async with locks.hold(shared={key}):
        pass


def _tickets(folder: Path, count: int) -> bool:
    db = sqlite3.connect(folder / "locks.db")
    try:
        return bool(db.execute("select count(*) from ticket").fetchone()[0] >= count)
    finally:
        db.close()


def test_processes_exclude_each_other_and_all_are_served(tmp_path: Path) -> None:
    with (
        child(CONTENDER, tmp_path, 15) as one,
        child(CONTENDER, tmp_path, 15) as two,
        child(CONTENDER, tmp_path, 15) as three,
    ):
        for process in (one, two, three):
            assert process.wait(SECONDS * 2) == 0
    assert not _tickets(tmp_path, 1), "a ticket leaked"


async def test_a_cancelled_wait_gives_its_ticket_back(tmp_path: Path) -> None:
    one, two = SharedLocks(tmp_path), SharedLocks(tmp_path)
    async with one.hold(exclusive={"a"}):
        waiters = [asyncio.create_task(_take(two, "a")) for _ in range(5)]
        for waiter in waiters:
            await asyncio.sleep(random.random() * 0.02)
            waiter.cancel()
        await asyncio.wait(waiters)
    assert not await asyncio.to_thread(_tickets, tmp_path, 1)
    await one.close()
    await two.close()


keys = st.frozensets(st.sampled_from("abc"), max_size=3)
steps = st.lists(
    st.tuples(st.just("take"), st.integers(0, 2), keys, keys) | st.tuples(st.just("leave"), st.integers(0, 20)),
    max_size=25,
)


def test_tickets_keep_one_order_whatever_happens(tmp_path: Path) -> None:
    """Against a model: blocked exactly when an older claim of another manager conflicts."""
    managers = [Tickets(tmp_path, f"m{n}") for n in range(3)]

    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps)
    def holds(schedule: list[tuple[object, ...]]) -> None:
        live: dict[str, tuple[int, frozenset[str], frozenset[str]]] = {}
        for number, step in enumerate(schedule):
            match step:
                case ("take", int(who), frozenset() as exclusive, frozenset() as shared):
                    managers[who].take(f"c{number}", exclusive, shared)
                    live[f"c{number}"] = (who, exclusive, shared - exclusive)
                case ("leave", int(place)) if live:
                    claim = list(live)[place % len(live)]
                    managers[live.pop(claim)[0]].leave(claim)
            for place, (claim, (who, only, also)) in enumerate(live.items()):
                older = [c for c in list(live.values())[:place] if c[0] != who]
                blocked = any(only & (theirs | also2) or also & theirs for _, theirs, also2 in older)
                assert (managers[who].blocker(claim) is not None) == blocked
        for claim, (who, _, _) in live.items():
            managers[who].leave(claim)

    holds()
    for manager in managers:
        manager.close()


def test_kill_at_any_point_leaves_a_true_journal(tmp_path: Path) -> None:
    """Every effect has a row, nothing is shown as running, and what was under way is interrupted."""
    effects = tmp_path / "effects"
    interrupted: set[str] = set()
    for _ in range(8):
        with child(WORKER, tmp_path, effects) as worker:
            assert line(worker) == "ready"
            before = effects.stat().st_size
            deadline = time.monotonic() + SECONDS
            while effects.stat().st_size == before and time.monotonic() < deadline:
                time.sleep(0.001)
            time.sleep(random.random() * 0.05)
            worker.send_signal(signal.SIGKILL)
            journal = Journal(tmp_path / "tasks")
            shown = journal.latest(100_000)
            worker.wait(SECONDS)
            shown = journal.latest(100_000)
            by_id = {record.key: record for record in shown}
            done = effects.read_text().split()
            assert set(done) <= set(by_id), "an effect without a row"
            states = {record.state for record in shown}
            assert states <= {State.SUCCEEDED, State.INTERRUPTED, State.CANCELLED}
            assert all(by_id[key].state in (State.SUCCEEDED, State.INTERRUPTED) for key in done)
            now = {record.key for record in shown if record.state is State.INTERRUPTED}
            assert interrupted <= now, "a verdict was forgotten"
            interrupted = now
            assert journal._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            journal.sweep()
            assert {record.key: record for record in journal.latest(100_000)} == by_id, "sweeping changed what is shown"
            journal.close()
    assert interrupted
    one = by_id[next(iter(interrupted))]
    assert f"process {one.owner.pid}" in one.why and one.ended_at is None
    assert {t.state for t in one.targets} <= {State.SUCCEEDED, State.INTERRUPTED}


def test_signals_cancel_and_the_outcome_is_said(tmp_path: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with child(HEADLESS, tmp_path, "stops") as process:
            assert line(process) == "under way"
            os.kill(process.pid, number)
            assert line(process) == "cancelled"
            assert process.wait(SECONDS) == 0
    with child(HEADLESS, tmp_path, "unconfirmed") as process:
        assert line(process) == "under way"
        os.kill(process.pid, signal.SIGHUP)
        assert line(process) == "failed cancel unconfirmed: the host does not answer"
        assert process.wait(SECONDS) == 0
