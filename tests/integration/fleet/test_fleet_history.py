"""What is kept of runs: records cut anywhere, what selections ask of them, what is forgotten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.fleet.results import record
from cockpit.fleet.results.history import History, HostLine
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.results.recall import Recall
from cockpit.fleet.results.record import FILE, Header, Recorder, end_of
from cockpit.fleet.results.writer import Writer
from cockpit.model import errors
from cockpit.tasks import process
from cockpit.tasks.process import Owner

DEAD = Owner(2**22 + 1, 1, "another boot")


def header(run: str, hosts: Iterable[str], *, at: float = 1000.0, owner: Owner = DEAD) -> Header:
    return Header(
        run=run,
        command="uptime",
        selection="*",
        plan={"canary": 1},
        timeout_seconds=60.0,
        connect_seconds=None,
        sudo="",
        idempotent=False,
        hosts=tuple((host, "10.0.0.1") for host in hosts),
        who="ops",
        owner=owner,
        started_at=at,
    )


def line(host: str, outcome: Outcome = Outcome.OK, digest: str = "") -> HostLine:
    code = {Outcome.OK: 0, Outcome.NONZERO: 3}.get(outcome)
    return HostLine(host=host, address="10.0.0.1", outcome=outcome, exit_code=code, digest=digest)


async def keep(history: History, head: Header, lines: Sequence[HostLine], *, kept_bytes: int = 0) -> None:
    async with Writer.open() as writer:
        recorder = history.begin(head, writer)
        for one in lines:
            recorder.begun(one.host)
            recorder.ended(one)
        await recorder.close(end_of(lines, "", kept_bytes))


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "fleet" / "runs")


async def test_what_is_written_is_read_again(history: History) -> None:
    assert history.runs() == [] and history.last() is None
    lines = [line("web1"), line("web2", Outcome.NONZERO, "abcd12345678")]
    await keep(history, header("aaa", ["web1", "web2", "web3"]), lines)
    (summary,) = history.runs()
    assert (summary.key, summary.state, summary.hosts) == ("aaa", record.ENDED, 3)
    assert summary.counts == {Outcome.OK: 1, Outcome.NONZERO: 1}
    kept = history.read("a")
    assert kept.summary == summary and kept.hosts[:2] == tuple(lines) and kept.plan == {"canary": 1}
    assert kept.hosts[2].outcome is Outcome.SKIPPED
    folder = history.folder / "aaa"
    assert all(path.stat().st_mode & 0o077 == 0 for path in (history.folder, folder, folder / FILE))


async def test_without_its_end_it_goes_on_or_was_interrupted(history: History) -> None:
    recorders: list[Recorder] = []
    async with Writer.open() as writer:
        for run, owner in (("dead", DEAD), ("alive", process.this())):
            recorders.append(history.begin(header(run, ["web1", "web2", "web3"], owner=owner), writer))
            recorders[-1].begun("web1")
            recorders[-1].ended(line("web1"))
            recorders[-1].begun("web2")
            await recorders[-1].written()
    dead, alive = history.read("dead"), history.read("alive")
    assert dead.summary.state == record.INTERRUPTED and "ended over it" in dead.summary.why
    assert [host.outcome for host in dead.hosts] == [Outcome.OK, Outcome.UNKNOWN_OUTCOME, Outcome.SKIPPED]
    assert alive.summary.state == record.RUNNING and [host.host for host in alive.hosts] == ["web1"]
    with pytest.raises(errors.Refused, match="still goes on"):
        history.forget("alive")
    history.trim(keep_runs=0)
    assert [run.key for run in history.runs()] == ["alive"], "what goes on is never forgotten"
    for recorder in recorders:
        os.close(recorder._file)


WHOLE = [line(f"web{number}", Outcome.NONZERO if number % 2 else Outcome.OK) for number in range(4)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 3_000), noise=st.binary(max_size=40))
def test_a_record_cut_anywhere_never_claims_more_than_it_says(
    tmp_path_factory: pytest.TempPathFactory, record_bytes: bytes, cut: int, noise: bytes
) -> None:
    history = History(tmp_path_factory.mktemp("history"))
    (history.folder / "aaa").mkdir()
    said = record_bytes[:cut]
    (history.folder / "aaa" / FILE).write_bytes(said + noise.replace(b"\n", b"x"))
    if b"\n" not in said:
        assert history.runs() == []
        with pytest.raises(errors.Malformed):
            history.read("aaa")
        return
    kept = history.read("aaa")
    assert [host.host for host in kept.hosts] == [one.host for one in WHOLE]
    for host, one in zip(kept.hosts, WHOLE, strict=True):
        assert host == one or host.outcome in (Outcome.UNKNOWN_OUTCOME, Outcome.SKIPPED)
        if host == one:
            assert b'{"host":"%s"' % host.host.encode() in said
        if host.outcome is Outcome.SKIPPED:
            assert b'{"begun":"%s"}\n' % host.host.encode() not in said
    assert history.runs()[0].state in (record.INTERRUPTED, record.ENDED)


@pytest.fixture
async def record_bytes(history: History) -> bytes:
    await keep(history, header("aaa", [one.host for one in WHOLE]), WHOLE)
    return (history.folder / "aaa" / FILE).read_bytes()


async def test_ids_may_be_short_and_last_is_the_newest(history: History) -> None:
    for run, at in (("abc1", 10.0), ("abc2", 30.0), ("xyz", 20.0)):
        await keep(history, header(run, ["web1"], at=at), [line("web1")])
    assert [run.key for run in history.runs()] == ["abc2", "xyz", "abc1"]
    assert history.read("last").summary.key == "abc2" and history.read("x").summary.key == "xyz"
    with pytest.raises(errors.NotFound, match="several runs begin with abc: abc1, abc2"):
        history.read("abc")
    for wrong in ("q", "", "../runs"):
        with pytest.raises(errors.NotFound):
            history.read(wrong)
    history.forget("abc2")
    assert history.read("last").summary.key == "xyz"


async def test_the_newest_runs_are_kept_within_their_bytes(history: History) -> None:
    for number in range(6):
        await keep(history, header(f"run{number}", ["web1"], at=number), [line("web1")], kept_bytes=100)
    history.trim(keep_runs=4, keep_bytes=10_000)
    assert [run.key for run in history.runs()] == ["run5", "run4", "run3", "run2"]
    history.trim(keep_runs=4, keep_bytes=250)
    assert [run.key for run in history.runs()] == ["run5", "run4"]


async def test_selections_ask_for_ends_and_outputs(history: History) -> None:
    recall = Recall(history)
    with pytest.raises(errors.NotFound, match="no run is kept"):
        recall.hosts(None, "failed", "")
    usual, odd = "aaaa11112222", "bbbb11112222"
    ends = [
        line("web1", digest=usual), line("web2", Outcome.NONZERO, odd), line("web3", Outcome.UNKNOWN_OUTCOME),
        line("web4", Outcome.TIMEOUT_CMD, odd), line("web5", Outcome.UNREACHABLE), line("web6"),
    ]  # fmt: skip
    await keep(history, header("old", [one.host for one in ends], at=1.0), ends)
    await keep(history, header("new", ["web9"], at=2.0), [line("web9", Outcome.SIGNAL)])
    recall.refresh()
    assert recall.hosts(None, "failed", "") == ["web9"] and recall.last is not None
    assert recall.hosts("old", "failed", "") == ["web2", "web4", "web5"], "not where the outcome is unknown"
    assert recall.hosts("o", "unknown", "") == ["web3"]
    assert recall.hosts("old", "digest", "bbbb") == ["web2", "web4"]
    assert recall.hosts("old", "changed", usual) == ["web2", "web4", "web6"], "silence is another output"
    with pytest.raises(errors.NotFound, match="there is no run q"):
        recall.hosts("q", "failed", "")
    history.forget("new")
    recall.refresh()
    assert recall.hosts(None, "timeout", "") == ["web4"] and recall.last.summary.key == "old"
