"""What is made of the results of a run: groups, differences, columns, search, documents."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.fold import expand, split
from cockpit.fleet.results import compare, export
from cockpit.fleet.results.compare import difference, head, side_by_side
from cockpit.fleet.results.groups import group
from cockpit.fleet.results.history import HostLine, RunRecord, RunSummary
from cockpit.fleet.results.outcome import Outcome, digest_of
from cockpit.fleet.results.search import Match, search
from cockpit.fleet.results.words import counted, said
from cockpit.model import errors


def line(host: str, outcome: Outcome = Outcome.OK, code: int | None = 0, out: str = "") -> HostLine:
    digest = hashlib.sha256(out.encode()).hexdigest() if out else ""
    return HostLine(
        host=host,
        address="10.0.0.1",
        outcome=outcome,
        exit_code=code,
        stdout_digest=digest,
        digest=digest_of(digest, ""),
    )


ENDS = st.sampled_from([(Outcome.OK, 0), (Outcome.NONZERO, 1), (Outcome.NONZERO, 2), (Outcome.UNREACHABLE, None)])


@given(st.lists(st.tuples(ENDS, st.sampled_from(["", "a", "b"])), max_size=40))
def test_groups_hold_every_host_once_and_the_majority_is_last(
    ends: list[tuple[tuple[Outcome, int | None], str]],
) -> None:
    lines = [line(f"web{place}", *end, out) for place, (end, out) in enumerate(ends)]
    groups = group(lines)
    assert sorted(host for one in groups for host in one.hosts) == sorted(one.host for one in lines)
    assert [one.majority for one in groups] == [False] * (len(groups) - 1) + [True] * bool(groups)
    assert [len(one.lines) for one in groups] == sorted(len(one.lines) for one in groups)
    for one in groups:
        assert len({(each.outcome, each.exit_code, each.digest) for each in one.lines}) == 1
        folded = one.title.partition(": ")[0].partition(" (")[0]
        assert sorted(name for term in split(folded) for name in expand(term)) == sorted(one.hosts)


def test_of_two_equal_groups_those_that_succeeded_are_the_majority() -> None:
    groups = group([line("web1"), line("web2"), line("web3", Outcome.NONZERO, 4), line("web4", Outcome.NONZERO, 4)])
    assert groups[-1].hosts == ("web1", "web2") and groups[0].title == "web[3-4] (2 hosts): nonzero"


@pytest.fixture
def spilled(tmp_path: Path) -> Callable[..., HostLine]:
    def spill(host: str, out: bytes, err: bytes = b"", outcome: Outcome = Outcome.OK) -> HostLine:
        paths = {}
        for name, data in (("out", out), ("err", err)):
            paths[name] = tmp_path / f"{host}.{name}"
            paths[name].write_bytes(data)
        digests = [hashlib.sha256(data).hexdigest() if data else "" for data in (out, err)]
        return HostLine(
            host=host,
            address="10.0.0.1",
            outcome=outcome,
            exit_code=0 if outcome is Outcome.OK else 1,
            spill=str(paths["out"]) if out else None,
            stderr_spill=str(paths["err"]) if err else None,
            stdout_bytes=len(out),
            stderr_bytes=len(err),
            stdout_digest=digests[0],
            stderr_digest=digests[1],
            digest=digest_of(*digests),
        )

    return spill


def test_the_odd_one_is_compared_with_the_majority(spilled: Callable[..., HostLine]) -> None:
    lines = [spilled(f"web{n}", b"a\nb\nc\n") for n in (1, 2, 3)] + [spilled("web4", b"a\nB\nc\n", b"oops\n")]
    odd, majority = group(lines)
    found = difference(odd, majority)
    assert found.lines == (
        "--- stdout of web1", "+++ stdout of web4", "@@ -1,3 +1,3 @@", " a", "-b", "+B", " c",
        "--- stderr of web1", "+++ stderr of web4", "@@ -0,0 +1 @@", "+oops",
    )  # fmt: skip
    assert not found.cut and difference(majority, majority).lines == ()


def test_only_the_beginnings_of_long_outputs_are_compared_and_that_is_said(spilled: Callable[..., HostLine]) -> None:
    long = "".join(f"{number}\n" for number in range(100_000)).encode()
    odd, majority = group([spilled("web1", long), spilled("web2", long), spilled("web3", b"x\n" + long)])
    found = difference(odd, majority)
    assert found.cut and len(found.lines) < 50 and "2000 lines of stdout were compared" in found.lines[-1]
    assert head("/no/such/file").lines == ("(/no/such/file is no longer kept)",)
    binary = spilled("web4", bytes(range(256)) * 4000)
    assert head(binary.spill).cut and sum(map(len, head(binary.spill).lines)) <= compare.MOST_BYTES


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=12), min_size=1, max_size=4))
def test_columns_side_by_side_lose_no_line_and_keep_their_order(columns: Sequence[Sequence[str]]) -> None:
    rows = list(side_by_side(columns))
    for place, column in enumerate(columns):
        assert [row[place] for row in rows if row[place] is not None] == list(column)
    assert all(any(cell is not None for cell in row) for row in rows)
    if columns[0] == columns[-1]:
        assert all(row[0] == row[-1] for row in rows)


async def found(lines: Sequence[HostLine], text: str, **options: int) -> list[Match]:
    return [match async for match in search(lines, text, **options)]


async def test_a_text_is_found_in_all_output_with_its_line(spilled: Callable[..., HostLine]) -> None:
    lines = [
        spilled("web1", b"one\nERROR two\n" + b"x\n" * 900_000 + b"an error\nlast error"),
        spilled("web2", b"fine\n", b"\xff error\n"),
        line("web3"),
    ]
    matches = await found(lines, "Error")
    assert [(m.host, m.stderr, m.number, m.text) for m in matches] == [
        ("web1", False, 2, "ERROR two"),
        ("web1", False, 900_003, "an error"),
        ("web1", False, 900_004, "last error"),
        ("web2", True, 1, "\ufffd error"),
    ]
    assert [m.number for m in await found(lines, "/^(an|last) err/")] == [900_003, 900_004]
    assert len(await found(lines, "x", most=7)) == 7
    assert await found(lines, "(") == [] and await found(lines, "/") == []
    for wrong in ("", "/(/"):
        with pytest.raises(errors.Refused):
            await found(lines, wrong)


async def test_one_line_of_many_megabytes_is_searched_in_pieces(spilled: Callable[..., HostLine]) -> None:
    matches = await found([spilled("web1", b"x" * 5_000_000 + b"needle" + b"y" * 3_000_000 + b"\nneedle\n")], "needle")
    assert [match.number for match in matches] == [1, 2]
    assert "needle" in matches[0].text and len(matches[0].text) <= 1000


async def test_leaving_a_search_ends_it(spilled: Callable[..., HostLine]) -> None:
    lines = [spilled(f"web{n}", b"needle\n" * 10_000) for n in range(20)]
    async with aclosing(search(lines, "needle")) as matches:  # type: ignore[type-var]
        async for match in matches:
            assert match.host == "web0"
            break
    task = asyncio.create_task(found(lines, "/n(e|E)+dle/"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def kept(lines: Sequence[HostLine], command: str = "uptime") -> RunRecord:
    summary = RunSummary(
        key="abc",
        command=command,
        selection="web*",
        who="ops",
        started_at=1_700_000_000.0,
        ended_at=1_700_000_002.5,
        state="ended",
        why="",
        hosts=len(lines),
        counts={Outcome.OK: len(lines)},
        kept_bytes=10,
    )
    return RunRecord(
        summary=summary,
        plan={"canary": 1, "max_failures": "10%"},
        timeout_seconds=60.0,
        connect_seconds=None,
        sudo="",
        idempotent=False,
        hosts=tuple(lines),
        folder=Path("/x"),
    )


async def test_documents_of_a_run(spilled: Callable[..., HostLine], tmp_path: Path) -> None:
    lines = [spilled("web1", b"\x1b]52;c;x\x07```\n"), spilled("web2", b"same\n"), spilled("web3", b"same\n")]
    run = kept(lines, "echo `date` | tee <x>")
    for name, pieces in export.FORMATS.items():
        document = "".join(pieces(run))
        assert "\x1b" not in document and "\x07" not in document, name
        assert all(line.host in document for line in lines[:2])
    whole = json.loads("".join(export.json(run)))
    assert [host["stdout"] for host in whole["hosts"]] == ["\x1b]52;c;x\x07```\n", "same\n", "same\n"]
    assert whole["run"]["command"] == run.summary.command and whole["plan"]["max_failures"] == "10%"
    markdown = list(export.markdown(run))
    assert "- command: ``echo `date` | tee <x>``" in markdown and "````diff" in markdown
    assert "| web2 | ok | 0 | 0.0 |  |" in markdown
    for suffix in (".json", ".md", ".txt"):
        export.save(run, tmp_path / f"report{suffix}")
        assert (tmp_path / f"report{suffix}").read_text()
    assert json.loads((tmp_path / "report.json").read_text()) == whole
    with pytest.raises(OSError, match="No such file"):
        export.save(run, tmp_path / "no" / "report.md")
    assert json.loads("".join(export.json(kept([]))))["hosts"] == [] and list(export.text(kept([])))


def test_long_outputs_are_cut_in_documents_and_say_so(spilled: Callable[..., HostLine]) -> None:
    long = spilled("web1", b"".join(b"%d\n" % number for number in range(100_000)))
    text = list(export.text(kept([long])))
    assert len(text) < 1100 and text[-1] == f"... more in {long.spill}"
    (host,) = json.loads("".join(export.json(kept([long]))))["hosts"]
    assert host["truncated"] and host["stdout"].endswith("\n99999\n") and len(host["stdout"]) == export.JSON_BYTES


def test_results_in_words() -> None:
    assert counted({Outcome.OK: 3, Outcome.TIMEOUT_CMD: 1}) == "4 hosts: 3 ok, 1 timeout cmd"
    assert counted({Outcome.OK: 1}) == "1 host: 1 ok" and counted({}) == "0 hosts: nothing to do"
    one = HostLine(
        host="web1", address="a", outcome=Outcome.NONZERO, why="exit status 3", duration_seconds=0.25, attempts=2,
        spill="/x/web1.out", stdout_bytes=2000, truncated=True,
    )  # fmt: skip
    assert said(one) == "nonzero: exit status 3 (0.2 s; 2.0K in /x/web1.out; not all of it was kept; 2 attempts)"
    assert said(line("web1")) == "ok"
