"""kill -9 and SIGTERM: the queue survives, what ran is run again as the next attempt, nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Served = Any


async def test_queue_and_running_job_survive_kill_9(ci: Served, tmp_path: Path, gone: Callable[[int], bool]) -> None:
    gate, pid = tmp_path / "gate", tmp_path / "pid"
    gate.touch()
    # setsid: also what detaches itself must not go on beside the next attempt.
    wait = f"while [ -e {gate} ]; do sleep 0.05; done"
    script = f'[ "$COCKPIT_ATTEMPT" = 1 ] && {{ setsid sh -c "echo \\$\\$ > {pid}; {wait}" & }}; {wait}; echo done'
    ci.shop.push(ci.shop.pipeline(script))
    ci.kill()
    ci.workers = 1
    await ci.start()
    running = (await ci.trigger())["id"]
    old = int(await ci.until_file(pid))
    queued = [(await ci.trigger())["id"] for _ in range(3)]
    waiting = await ci.get(f"/runs/{queued[-1]}")
    assert waiting.json()["run"]["phase"] == "queued"

    ci.kill()
    gate_open = gone(old)
    assert gate_open, "the step must not outlive its server"
    gate.unlink()
    await ci.start()

    done = [await ci.finished(run) for run in (running, *queued)]
    assert [(one["result"], one["attempt"], one["number"]) for one in done] == [
        ("success", 2, 1),
        ("success", 1, 2),
        ("success", 1, 3),
        ("success", 1, 4),
    ]
    attempts = (await ci.get(f"/runs/{running}")).json()["attempts"]
    assert (attempts[0]["result"], attempts[0]["reason"]) == ("errored", "the server ended while it ran")
    assert attempts[1]["result"] == "success"
    assert len((await ci.get("/runs")).json()["runs"]) == 4, "never a second row"


async def test_what_survived_its_supervisor_is_killed_before_the_next_attempt(
    ci: Served, tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    pid, parent = tmp_path / "pid", tmp_path / "parent"
    script = f'[ "$COCKPIT_ATTEMPT" = 2 ] || {{ echo $PPID > {parent}; echo $$ > {pid}; exec sleep 1000; }}'
    ci.shop.push(ci.shop.pipeline(script))
    run = (await ci.trigger())["id"]
    step = int(await ci.until_file(pid))
    supervisor = int(await ci.until_file(parent))
    assert ci.process is not None
    # The server first, held, so that it cannot clean up; then the supervisor, which then cannot either.
    os.kill(ci.process.pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    ci.kill()
    os.kill(step, 0)
    await ci.start()
    assert gone(step)
    assert (await ci.finished(run))["attempt"] == 2


async def test_a_cancel_that_was_cut_short_is_finished_at_the_next_start(ci: Served, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    ci.shop.push(ci.shop.pipeline(f"trap '' TERM; echo $$ > {pid}; while :; do sleep 0.05; done"))
    run = (await ci.trigger())["id"]
    await ci.until_file(pid)
    assert (await ci.post(f"/runs/{run}/cancel")).status_code == 202
    ci.kill()
    await ci.start()
    done = await ci.finished(run)
    assert (done["result"], done["attempt"]) == ("cancelled", 1)


async def test_sigterm_stops_within_the_bound_and_runs_again(
    ci: Served, tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    pid, again = tmp_path / "pid", tmp_path / "again"
    script = f"[ -e {again} ] || {{ trap '' TERM; echo $$ > {pid}; while :; do sleep 0.05; done; }}"
    ci.shop.push(ci.shop.pipeline(script))
    run = (await ci.trigger())["id"]
    step = int(await ci.until_file(pid))
    last = (await ci.get("/runs")).json()["last"]
    waiting = asyncio.create_task(ci.get("/events", after=last, wait=60))
    async with asyncio.timeout(15):
        assert await asyncio.to_thread(ci.stop) == 0
    await asyncio.gather(waiting, return_exceptions=True)
    assert gone(step)
    again.touch()
    await ci.start()
    done = await ci.finished(run)
    assert (done["result"], done["attempt"]) == ("success", 2)
    attempts = (await ci.get(f"/runs/{run}")).json()["attempts"]
    assert attempts[0]["reason"] == "the server was stopped while it ran"


async def test_acknowledged_webhooks_survive_kill_9_at_once(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    taken = []
    for number in range(3):
        before, after = ci.shop.push({"n": str(number)})
        answer = await ci.webhook(ci.push_event(before, after), delivery=f"delivery-{number}")
        assert answer.status_code == 202
        ci.kill()
        taken.append(answer.json()["run"]["id"])
        await ci.start()
        assert (await ci.webhook(ci.push_event(before, after), delivery=f"delivery-{number}")).status_code == 200
    for run in taken:
        assert (await ci.finished(run))["result"] == "success"
    assert len((await ci.get("/runs")).json()["runs"]) == 3


REFUSED = (
    ("token_env = 'CI_TOKEN'", (), "no token; write token_env"),
    ("", ("--listen", "somewhere:x"), "listen must be"),
    ("", ("--listen", "192.0.2.1:80"), "cannot listen on 192.0.2.1:80"),
    ("", ("--data", "/dev/null/x"), "cannot use the data folder"),
)


async def test_what_it_refuses_to_start_with(stopped: Served) -> None:
    env = {**os.environ, "CI_TOKEN": "x", "CI_SECRET": "y", "COCKPIT_STATE_DIR": str(stopped.folder / "state")}

    async def said(*options: str, cut: str = "") -> str:
        argv = [*stopped.command(), *options]
        config = stopped.folder / "cockpit.toml"
        config.write_text(config.read_text().replace(cut, "") if cut else config.read_text())
        done = await asyncio.to_thread(subprocess.run, argv, env=env, capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        return done.stderr

    for cut, options, why in REFUSED:
        assert why in await said(*options, cut=cut)
    del env["CI_TOKEN"]
    assert "CI_TOKEN is not set" in await said()


async def test_a_second_server_on_the_same_data_is_refused(ci: Served) -> None:
    ci.port = 0
    env = {**os.environ, "CI_TOKEN": "x", "CI_SECRET": "y", "COCKPIT_STATE_DIR": str(ci.folder / "state")}
    done = await asyncio.to_thread(subprocess.run, ci.command(), env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0
    assert "another cockpit serve uses" in done.stderr
