"""What a run does: its steps, its environment, its ends, its log; and what a hostile one cannot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

Served = Any


async def test_steps_run_in_order_with_a_clean_environment(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("echo one; env | sort > env.txt", "cat env.txt; exit 3", "echo never"))
    run = await ci.trigger()
    done = await ci.finished(run["id"])
    assert (done["result"], done["reason"], done["name"]) == ("failed", "step s2: exit code 3", "a change")
    text = await ci.log(run["id"])
    assert "one\n" in text
    assert "never" not in text
    assert "CI=true\n" in text
    assert f"COCKPIT_SHA={done['sha']}\n" in text
    assert "COCKPIT_REF=refs/heads/main\n" in text
    for secret in ("token-of-this-test", "webhook-secret-of-this-test", "CI_TOKEN", "GIT_CONFIG"):
        assert secret not in text
    attempt = (await ci.get(f"/runs/{run['id']}")).json()["attempts"][0]
    assert [(step["name"], step["result"]) for step in attempt["steps"]] == [
        ("s1", "success"),
        ("s2", "failed"),
        ("s3", "skipped"),
    ]
    offset = attempt["steps"][1]["log_offset"]
    assert (await ci.get(f"/runs/{run['id']}/log", offset=offset)).text.startswith("CI=true\n")
    assert not list((ci.data / "work").iterdir())


async def test_the_log_is_readable_by_offset_while_it_grows(ci: Served, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    ci.shop.push(ci.shop.pipeline(f"echo first; while [ -e {gate} ]; do sleep 0.05; done; printf 'last \\033[1m\\377'"))
    run = (await ci.trigger())["id"]
    read, offset = b"", 0
    while b"first\n" not in read:
        piece = await ci.get(f"/runs/{run}/log", offset=offset, wait=10)
        assert piece.headers["X-Log-Final"] == "false"
        read += piece.content
        offset = int(piece.headers["X-Next-Offset"])
        assert offset == len(read)
    gate.unlink()
    final = "false"
    while final == "false":
        piece = await ci.get(f"/runs/{run}/log", offset=offset, wait=10)
        read += piece.content
        offset, final = int(piece.headers["X-Next-Offset"]), piece.headers["X-Log-Final"]
    assert b"last \x1b[1m\xff" in read
    assert (await ci.get(f"/runs/{run}/log")).content == read
    assert (await ci.get(f"/runs/{run}/log", offset=offset + 1)).status_code == 416
    assert (await ci.get(f"/runs/{run}/log", attempt=2)).status_code == 404
    assert (await ci.finished(run))["result"] == "success"


async def test_a_cancel_ends_the_whole_tree(ci: Served, tmp_path: Path, gone: Callable[[int], bool]) -> None:
    pids = tmp_path / "pids"
    script = (
        "trap 'echo trapped' TERM\n"
        f"(setsid sh -c 'trap \"\" TERM; echo $$ > {pids}.a; while :; do sleep 1; done' &)\n"
        f"sh -c 'echo $$ > {pids}.b; exec sleep 1000' &\n"
        f"echo $$ > {pids}.c\nwait; wait; sleep 1000"
    )
    ci.shop.push(ci.shop.pipeline(script, "echo never"))
    run = (await ci.trigger())["id"]
    found = [int(await ci.until_file(Path(f"{pids}.{name}"))) for name in "abc"]
    answer = await ci.post(f"/runs/{run}/cancel", {"attempt": 1, "actor": "mira"})
    assert (answer.status_code, answer.json()["run"]["phase"]) == (202, "cancelling")
    done = await ci.finished(run)
    assert (done["result"], done["reason"]) == ("cancelled", "cancelled by mira")
    assert all(gone(pid) for pid in found)
    text = await ci.log(run)
    assert "trapped" in text
    assert "never" not in text
    assert (await ci.post(f"/runs/{run}/cancel")).status_code == 409


async def test_a_cancel_may_be_asked_for_again_and_again(
    ci: Served, tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    pid = tmp_path / "pid"
    ci.shop.push(ci.shop.pipeline(f"trap 'sleep 0.5; exit' TERM; echo $$ > {pid}; while :; do sleep 0.05; done"))
    run = (await ci.trigger())["id"]
    step = int(await ci.until_file(pid))
    while (await ci.post(f"/runs/{run}/cancel")).status_code == 202:
        assert (await ci.run(run))["phase"] in ("cancelling", "finished")
    assert (await ci.finished(run))["result"] == "cancelled"
    assert gone(step)
    assert not list((ci.data / "work").iterdir())


async def test_nothing_outlives_its_step(ci: Served, tmp_path: Path, gone: Callable[[int], bool]) -> None:
    pid = tmp_path / "pid"
    ci.shop.push(
        ci.shop.pipeline(f"setsid sh -c 'echo $$ > {pid}; exec sleep 1000' & while ! [ -s {pid} ]; do :; done")
    )
    run = (await ci.trigger())["id"]
    assert (await ci.finished(run))["result"] == "success"
    assert gone(int(pid.read_text()))


async def test_a_step_that_kills_its_supervisor_is_an_error_and_leaves_nothing(
    ci: Served, tmp_path: Path, gone: Callable[[int], bool]
) -> None:
    pid = tmp_path / "pid"
    ci.shop.push(ci.shop.pipeline(f"echo $$ > {pid}; kill -9 $PPID; sleep 1000"))
    done = await ci.finished((await ci.trigger())["id"])
    assert (done["result"], done["reason"]) == ("errored", "the step killed its supervisor")
    assert gone(int(pid.read_text()))


async def test_a_queued_run_is_cancelled_at_once(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("sleep 1000"))
    runs = [(await ci.trigger())["id"] for _ in range(3)]
    answer = await ci.post(f"/runs/{runs[2]}/cancel")
    assert answer.json()["run"]["result"] == "cancelled"
    for run in runs[:2]:
        await ci.post(f"/runs/{run}/cancel")
    assert [(await ci.finished(run))["result"] for run in runs] == ["cancelled"] * 3


async def test_time_outs(ci: Served) -> None:
    runs = []
    for step, run in (("1s", "60s"), ("60s", "1s")):
        content = {"timeout": run, "steps": [{"run": "sleep 1000", "timeout": step}]}
        ci.shop.push({".cockpit/pipeline.yml": json.dumps(content)}, branch=f"step-{step}")
        runs.append((await ci.trigger(ref=f"step-{step}"))["id"])
    reasons = []
    for number in runs:
        done = await ci.finished(number)
        assert done["result"] == "timed_out"
        reasons.append(done["reason"])
    assert reasons == ["step step 1: took longer than 1s", "the run took longer than 1s"]


async def test_bad_pipeline_files_and_refs_say_what_is_wrong(ci: Served) -> None:
    _, good = ci.shop.push(ci.shop.pipeline("true"))
    ci.shop.push({".cockpit/pipeline.yml": "steps:\n  - name: a\n    runn: x\n"}, branch="bad")
    ci.shop.push({".cockpit/pipeline.yml": "steps: [" + "[" * 3000}, branch="deep")
    reasons = {}
    for ref in ("bad", "deep", "missing"):
        done = await ci.finished((await ci.trigger(ref=ref))["id"])
        assert done["result"] == "errored"
        reasons[ref] = done["reason"]
    assert reasons["bad"] == ".cockpit/pipeline.yml:3: unknown key 'runn'; did you mean 'run'?"
    assert reasons["deep"].startswith(".cockpit/pipeline.yml:1: ")
    assert "missing" in reasons["missing"]
    lost = await ci.finished((await ci.trigger(ref="main", sha="1" * 40))["id"])
    assert lost["result"] == "errored"
    assert (await ci.trigger(sha=good))["sha"] == good


HOSTILE = ("$(touch${IFS}pwned)", "`touch${IFS}pwned`", "a;touch${IFS}pwned", "a&&b|c'\"<x>", "ä→")


async def test_refs_with_shell_characters_are_only_names(ci: Served) -> None:
    runs = {}
    for name in HOSTILE:
        files = ci.shop.pipeline('echo "on $COCKPIT_REF"; ls')
        before, after = ci.shop.push(files, branch=name, message="$(touch pwned)")
        answer = await ci.webhook(ci.push_event(before, after, ref=f"refs/heads/{name}"))
        assert answer.status_code == 202
        runs[answer.json()["run"]["id"]] = name
        runs[(await ci.trigger(ref=name))["id"]] = name
    for run, name in runs.items():
        done = await ci.finished(run)
        assert done["result"] == "success", done
        text = await ci.log(run)
        assert f"on refs/heads/{name}\n" in text
        assert "\npwned\n" not in text


async def test_a_trigger_is_checked_and_keyed(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    for ref in ("-x", "a b", "a..b", "refs/", "a.lock", "x" * 300, "a\nb"):
        assert (await ci.post("/runs", {"repository": "acme/shop", "ref": ref})).status_code == 400, ref
    assert (await ci.post("/runs", {"repository": "acme/other"})).status_code == 404
    assert (await ci.post("/runs", {"repository": "acme/shop", "sha": "abc"})).status_code == 400
    assert (await ci.post("/runs", {"repositori": "acme/shop"})).status_code == 400
    answers = [await ci.post("/runs", {"repository": "acme/shop"}, **{"Idempotency-Key": "the-same"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 200, 200]
    assert len({answer.json()["run"]["id"] for answer in answers}) == 1


async def test_a_rerun_is_a_new_attempt_of_the_same_run(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline('echo "attempt $COCKPIT_ATTEMPT"'))
    run = (await ci.trigger())["id"]
    await ci.finished(run)
    assert (await ci.post(f"/runs/{run}/rerun", {"attempt": 7})).status_code == 409
    answer = await ci.post(f"/runs/{run}/rerun", {"attempt": 1})
    assert (answer.status_code, answer.json()["run"]["attempt"]) == (202, 2)
    assert (await ci.post(f"/runs/{run}/rerun", {"attempt": 1})).status_code == 409
    done = await ci.finished(run)
    assert (done["result"], done["attempt"], done["number"]) == ("success", 2, 1)
    assert "attempt 1" in await ci.log(run, attempt=1)
    assert "attempt 2" in await ci.log(run)


async def test_a_disk_that_is_full_ends_the_run_and_not_the_server(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("echo hello"))
    (ci.data / "logs" / "1").mkdir(parents=True)
    (ci.data / "logs" / "1" / "1.log").symlink_to("/dev/full")
    first = await ci.finished((await ci.trigger())["id"])
    assert (first["result"], "No space left" in first["reason"]) == ("errored", True)
    assert (await ci.finished((await ci.trigger())["id"]))["result"] == "success"


async def test_the_log_has_a_cap_that_says_so(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("yes 'a line of a flood' | head -c 20000000; echo done"))
    run = (await ci.trigger())["id"]
    assert (await ci.finished(run))["result"] == "success"
    size = (ci.data / "logs" / str(run) / "1.log").stat().st_size
    assert size < (16 << 20) + 200
    assert "the log is cut here" in await ci.log(run, offset=size - 100)


async def test_the_token_guards_the_api(ci: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic token-of-this-test"}):
        async with httpx.AsyncClient(trust_env=False, timeout=20) as stranger:
            for path in ("/runs", "/runs/1", "/runs/1/log", "/events", "/repositories"):
                answer = await stranger.get(f"{ci.url}/api/v1{path}", headers=headers)
                assert answer.status_code == 401
                assert answer.json()["error"]
    assert (await ci.get("/nothing")).status_code == 404
    assert (await ci.get("/runs/999")).json() == {"error": "there is no run 999"}
    assert (await ci.get("/runs", limit="x")).status_code == 400


async def test_polling_is_cheap_and_waiting_is_live(ci: Served) -> None:
    ci.shop.push(ci.shop.pipeline("true"))
    listed = await ci.get("/runs")
    tag = listed.headers["ETag"]
    again = await ci.client.get(f"{ci.url}/api/v1/runs", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    waiting = asyncio.create_task(ci.get("/events", after=listed.json()["last"], wait=15))
    run = await ci.trigger()
    changed = (await waiting).json()
    assert [one["id"] for one in changed["runs"]] == [run["id"]]
    assert changed["last"] > listed.json()["last"]
    future = (await ci.get("/events", after=10**6, wait=15)).json()
    assert future["last"] < 10**6, "a number of another database is told at once"
    await ci.finished(run["id"])
