"""Runs by a plan over real sshd: waves, limits, the breaker, pause, abort, quota, and what is kept."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.session import Session
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Kill, Outcome, Phase
from cockpit.fleet.run.plan import Plan
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.run import Run, RunState
from cockpit.model import errors
from cockpit.tasks.action import CancelUnconfirmed, State

_numbers = itertools.count(os.getpid() * 100 + 30_000_000)


@pytest.fixture
async def run(runner: Callable[[Pool], Any]) -> AsyncIterator[Any]:
    async with Pool(connect_seconds=5.0).used() as pool:
        yield runner(pool)


def local(count: int) -> list[Machine]:
    return [Machine("config", f"here{number}", "localhost", transport="local") for number in range(count)]


def many(sshd: Any, count: int, **changes: object) -> list[Machine]:
    return [sshd.machine(name=f"web{number}", **changes) for number in range(count)]


def outcomes(run: Run) -> list[Outcome]:
    """In the order of the run."""
    return [run.lines[name].outcome for name in run.rows]


async def test_waves_wait_for_one_another_and_keep_the_order(sshd: Any, run: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = f"echo began >> {log}; sleep 0.3; echo ended >> {log}"
    await run(many(sshd, 5), command, plan=Plan(canary=1, wave="40%"))
    words = log.read_text().split()
    assert words[:2] == ["began", "ended"]
    assert words[2:6].count("began") == 2 and words[2:6].count("ended") == 2
    assert [row.wave for row in run.last.rows.values()] == [0, 1, 1, 2, 2]
    assert outcomes(run.last) == [Outcome.OK] * 5 and run.last.state is RunState.ENDED and run.last.why == ""


async def test_a_canary_that_fails_stops_all_the_rest(sshd: Any, run: Any, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    await run(many(sshd, 6), f"echo x >> {ran}; exit 3", plan=Plan(canary=2))
    assert ran.read_text() == "x\nx\n"
    assert outcomes(run.last) == [Outcome.NONZERO] * 2 + [Outcome.SKIPPED] * 4
    assert "canary ended as nonzero" in run.last.why
    assert run.last.lines["web5"].why == run.last.why
    assert run.told.done == 6 and {state for _, state in run.told.outcomes[2:]} == {State.CANCELLED}


async def test_unreachable_hosts_have_a_limit_of_their_own(sshd: Any, run: Any) -> None:
    dead = [sshd.machine(name=f"dead{number}", port=1) for number in range(3)]
    await run([*dead, *many(sshd, 3)], "true", plan=Plan(max_failures="0", forks=1))
    assert outcomes(run.last) == [Outcome.UNREACHABLE] * 3 + [Outcome.OK] * 3, "they are no failures"
    await run([*dead, *many(sshd, 3)], "true", plan=Plan(max_unreachable="1", forks=1))
    assert outcomes(run.last) == [Outcome.UNREACHABLE] * 2 + [Outcome.SKIPPED] * 4
    assert "2 of 6 hosts of the run could not be reached" in run.last.why


async def test_a_wave_that_fails_as_a_whole_does_not_stop_a_run_within_its_limit(sshd: Any, run: Any) -> None:
    await run(many(sshd, 4), "exit 1", plan=Plan(wave="1", max_failures="100%"))
    assert outcomes(run.last) == [Outcome.NONZERO] * 4


@pytest.fixture
def stranger(sshd: Any, start_sshd: Callable[..., Any]) -> str:
    return str(start_sshd().identity)


async def test_refused_logins_pause_a_run_that_somebody_sees(
    sshd: Any, run: Any, stranger: str, comes_true: Callable[..., Any]
) -> None:
    wrong = [sshd.machine(name=f"wrong{number}", identities=(stranger,)) for number in range(8)]
    going = run.prepare([*wrong, *many(sshd, 2)], "true", plan=Plan(forks=1))
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: going.state is RunState.PAUSED)
    assert len(going.lines) == 5 and "5 of the first logins were refused" in going.why
    going.resume()
    await task
    assert outcomes(going) == [Outcome.AUTH] * 8 + [Outcome.OK] * 2, "a person has decided: it does not trip again"


async def test_refused_logins_end_a_run_that_nobody_sees(sshd: Any, run: Any, stranger: str) -> None:
    wrong = [sshd.machine(name=f"wrong{number}", identities=(stranger,)) for number in range(8)]
    await run(wrong, "true", plan=Plan(forks=1), attended=False)
    assert outcomes(run.last) == [Outcome.AUTH] * 5 + [Outcome.SKIPPED] * 3
    assert "check user, key and password" in run.last.lines["wrong7"].why


async def test_pause_begins_nothing_and_resume_goes_on(
    run: Any, tmp_path: Path, comes_true: Callable[..., Any]
) -> None:
    gate = tmp_path / "gate"
    going = run.prepare(local(4), f"while [ ! -e {gate} ]; do sleep 0.02; done", plan=Plan(forks=2))
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: [row.phase for row in going.rows.values()].count(Phase.RUN) == 2)
    going.pause("a look first")
    gate.touch()
    await comes_true(lambda: len(going.lines) == 2)
    await asyncio.sleep(0.1)
    assert going.state is RunState.PAUSED and going.why == "a look first" and len(going.lines) == 2
    assert [row.phase for row in going.rows.values()][2:] == [Phase.QUEUED] * 2
    going.resume()
    await task
    assert outcomes(going) == [Outcome.OK] * 4


async def test_abort_ends_what_runs_and_confirms_it(
    sshd: Any, run: Any, processes: Callable[[str], list[int]], comes_true: Callable[..., Any]
) -> None:
    number = next(_numbers)
    going = run.prepare(many(sshd, 5), f"trap '' TERM; echo on; sleep {number}; sleep {number}", plan=Plan(forks=2))
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: len(processes(f"sleep {number}")) >= 2 and len(going.rows["web1"].last_line + "x"))
    going.pause("hm")
    going.abort()
    assert going.state is RunState.STOPPING
    await task
    assert outcomes(going) == [Outcome.CANCELLED] * 2 + [Outcome.SKIPPED] * 3
    assert {going.lines[name].kill for name in ("web0", "web1")} == {Kill.CONFIRMED}
    assert going.lines["web0"].stdout_bytes == 3 and not processes(f"sleep {number}")


async def test_an_abort_at_any_moment_gives_each_host_one_result(run: Any) -> None:
    for turns in range(0, 60, 3):
        going = run.prepare(local(6), "true", plan=Plan(forks=3))
        task = asyncio.create_task(going.run(run.told))
        while going.state is RunState.WAITING:
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        going.abort()
        await task
        assert len(going.lines) == 6 and sorted(name for name, _ in run.told.outcomes) == sorted(going.rows)


async def test_a_command_gives_its_share_of_the_memory_back_however_it_ends(
    sshd: Any, run: Any, comes_true: Callable[..., Any]
) -> None:
    for turns in range(0, 200, 40):
        going = run.prepare(many(sshd, 6), "head -c 300000 /dev/zero", plan=Plan(forks=6))
        task = asyncio.create_task(going.run(run.told))
        while going.state is RunState.WAITING:
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        going.abort()
        await task
    await run(many(sshd, 2), "true")
    await comes_true(lambda: Session._open == 0)


async def test_an_abort_that_the_host_does_not_confirm_says_so(
    sshd: Any, run: Any, processes: Callable[[str], list[int]], comes_true: Callable[..., Any]
) -> None:
    number = next(_numbers)
    going = run.prepare(sshd.machine(), f"sleep {number}")
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: processes(f"sleep {number}"))
    frozen = [*sshd.serving(), sshd.pid]
    try:
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        going.abort()
        with pytest.raises(CancelUnconfirmed, match="it may still run on web1"):
            await task
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        for pid in processes(f"sleep {number}"):
            os.kill(pid, signal.SIGKILL)
    assert going.lines["web1"].kill is Kill.UNCONFIRMED and "may still run" in going.lines["web1"].why


async def test_only_an_idempotent_command_is_sent_again(
    sshd: Any, run: Any, tmp_path: Path, processes: Callable[[str], list[int]], comes_true: Callable[..., Any]
) -> None:
    number, log = next(_numbers), tmp_path / "log"
    command = f"echo try; echo x >> {log}; [ $(wc -l < {log}) -gt 1 ] || sleep {number}"
    task = asyncio.create_task(run(sshd.machine(), command, idempotent=True))
    await comes_true(lambda: processes(f"sleep {number}"))
    sshd.cut()
    (line,) = await task
    for pid in processes(f"sleep {number}"):
        os.kill(pid, 9)
    assert (line.outcome, line.attempts) == (Outcome.OK, 2) and log.read_text() == "x\nx\n"
    assert run.said(line) == b"try\n", "of the second attempt alone; the first is beside it"
    assert len(list((run.history.folder / run.last.id / "output").iterdir())) == 2


async def test_a_hundred_megabytes_of_binary_arrive_whole(sshd: Any, run: Any, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 100)
    (line,) = await run(sshd.machine(), f"cat {source}", 120.0)
    want = hashlib.sha256(source.read_bytes()).hexdigest()
    assert (line.outcome, line.stdout_digest, line.stdout_bytes) == (Outcome.OK, want, 100 << 20)
    assert line.spill and hashlib.sha256(Path(line.spill).read_bytes()).hexdigest() == want


async def test_over_the_quota_the_remote_waits_and_its_clock_stands_still(
    sshd: Any, run: Any, comes_true: Callable[..., Any]
) -> None:
    going = run.prepare(sshd.machine(), "head -c 20000000 /dev/zero; echo end", 3.0, quota_bytes=1_000_000)
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: going.waiting)
    assert "the quota of 977K" in going.why
    held = going.output("web1")
    before = held.stdout_bytes
    await asyncio.sleep(4.0)  # longer than the time-out of the command
    assert held.stdout_bytes == before < 20_000_000 and not going.lines
    while not going.lines:
        going.raise_quota()
        await asyncio.sleep(0.05)
    await task
    line = going.lines["web1"]
    assert (line.outcome, line.stdout_bytes, line.truncated) == (Outcome.OK, 20_000_004, False)


async def test_an_abort_ends_hosts_that_wait_for_the_quota(
    sshd: Any, run: Any, processes: Callable[[str], list[int]], comes_true: Callable[..., Any]
) -> None:
    number = next(_numbers)
    going = run.prepare(sshd.machine(), f"yes {number}", quota_bytes=100_000)
    task = asyncio.create_task(going.run(run.told))
    await comes_true(lambda: going.waiting)
    going.abort()
    await task
    assert (going.lines["web1"].outcome, going.lines["web1"].kill) == (Outcome.CANCELLED, Kill.CONFIRMED)
    assert not processes(f"yes {number}")


async def test_last_words_of_a_command_that_is_timed_out_are_kept(sshd: Any, run: Any) -> None:
    (line,) = await run(sshd.machine(), "trap 'echo bye; exit' TERM; echo hello; while :; do sleep 0.1; done", 1.0)
    assert (line.outcome, line.kill) == (Outcome.TIMEOUT_CMD, Kill.CONFIRMED)
    assert run.said(line) == b"hello\nbye\n"


async def test_rows_follow_the_run(run: Any) -> None:
    going = run.prepare(local(2), "echo first; sleep 0.3; echo second")
    seen: list[HostRow] = []
    states: set[RunState] = set()

    async def watch() -> None:
        async with aclosing(going.follow()) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                states.add(going.state)
                seen.extend(delta.upserts.values())
                if going.state is RunState.ENDED:
                    return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await going.run(run.told)
    await asyncio.wait_for(watching, 10)
    lines = [row.last_line for row in seen if row.name == "here0"]
    assert lines[0] == "" and "first" in lines and lines[-1] == "second"
    last = going.rows["here0"]
    assert (last.phase, last.out_bytes, last.lines) == (Phase.DONE, 13, 2) and last.result is not None
    assert {RunState.RUNNING, RunState.ENDED} <= states
    assert last.seconds(0.0) == last.result.duration_seconds > 0
    assert set(last.result.phases) <= set(Phase) and last.result.phases["run"] > 0


async def test_a_run_that_cannot_be_kept_is_not_begun(run: Any, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    going = run.prepare(local(1), f"touch {tmp_path}/ran")
    with pytest.raises(errors.Refused, match="COCKPIT_STATE_DIR"):
        await going.run(run.told)
    assert going.state is RunState.ENDED and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("seconds", [0.0, float("nan"), float("inf")])
async def test_an_order_that_makes_no_sense_is_refused_before_anything(run: Any, seconds: float) -> None:
    with pytest.raises(errors.Refused):
        run.prepare(local(1), "true", seconds)
    with pytest.raises(errors.Refused):
        run.prepare(local(1), " ")
    with pytest.raises(errors.Refused):
        run.prepare(local(1), "true", plan=Plan(wave="none"))
