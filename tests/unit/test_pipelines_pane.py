"""Runs in rows, reports, the timeline; what can be done to which; log lines from pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config.settings import PipelineSource, Settings
from cockpit.listing.cells import row
from cockpit.model import errors
from cockpit.model.tone import Tone
from cockpit.pipelines.columns import PIPELINES_COLUMNS, tone
from cockpit.pipelines.moments import moments
from cockpit.pipelines.report import report
from cockpit.pipelines.run import Run
from cockpit.pipelines.views import LINE_CHARS, lines
from cockpit.session import pipelines

NOW = 1_700_000_000.0


def run(**changes: object) -> Run:
    made = Run(
        source="ci",
        id="7",
        repository="acme/shop",
        name="Say how money is counted",
        number=3,
        ref="main",
        sha="0123456789abcdef0123456789abcdef01234567",
        phase="finished",
        result="success",
        reason="",
        event="push",
        actor="mira",
        attempt=1,
        created_at=NOW - 100,
        started_at=NOW - 90,
        finished_at=NOW - 30.5,
        url="http://127.0.0.1:8420/api/v1/runs/7",
    )
    return msgspec.structs.replace(made, **changes)


def cells(item: Run) -> dict[str, str]:
    return {
        column.id: cell.text for column, cell in zip(PIPELINES_COLUMNS, row(PIPELINES_COLUMNS, item, NOW), strict=True)
    }


def test_a_row() -> None:
    assert cells(run()) == {
        "state": "success",
        "repository": "acme/shop",
        "run": "#3 Say how money is counted",
        "ref": "main",
        "sha": "01234567",
        "age": "100s",
        "duration": "59s",
        "event": "push",
        "actor": "mira",
        "reason": "",
        "source": "ci",
    }
    queued = run(phase="queued", result=None, started_at=None, finished_at=None, sha="", name="", attempt=2)
    assert (cells(queued)["state"], cells(queued)["run"], cells(queued)["duration"]) == ("queued", "#3 (2)", "-")
    running = run(phase="running", result=None, finished_at=None)
    assert (cells(running)["duration"], tone(running)) == ("90s", Tone.BUSY)


def test_words_that_are_not_known_pass_through() -> None:
    assert cells(run(phase="hibernating", result=None))["state"] == "hibernating"
    assert cells(run(result="exploded"))["state"] == "exploded"
    assert tone(run(result="exploded")) is Tone.WARN
    assert report(run(result="exploded"), NOW).result == "exploded"


def test_every_column_sorts_any_mix() -> None:
    mix = [
        run(),
        run(phase="queued", result=None, started_at=None, finished_at=None),
        run(result="exploded", number=12),
    ]
    for column in PIPELINES_COLUMNS:
        sorted(mix, key=column.sort_key)


def test_hostile_names_are_drawn_as_text() -> None:
    hostile = cells(run(name="\x1b]52;c;ZXZpbA==\x07x", ref="a\u202eb", actor="\x9b2J"))
    assert "\x1b" not in hostile["run"]
    assert hostile["ref"] == "ab"
    assert "\x9b" not in hostile["actor"]


def test_the_report() -> None:
    made = msgspec.to_builtins(report(run(), NOW))
    assert list(made) == [
        "key",
        "source",
        "repository",
        "name",
        "number",
        "ref",
        "sha",
        "phase",
        "result",
        "reason",
        "event",
        "actor",
        "created_at",
        "started_at",
        "finished_at",
        "duration_seconds",
        "url",
        "attempt",
    ]
    assert made["key"] == "ci/7"
    assert made["created_at"] == "2023-11-14T22:11:40.000Z"
    assert made["finished_at"] == "2023-11-14T22:12:49.500Z"
    assert made["duration_seconds"] == 59.5
    going = report(run(result=None, phase="running", finished_at=None), NOW)
    assert (going.result, going.finished_at, going.duration_seconds) == (None, None, 90.0)


def test_the_timeline_holds_what_ended_since() -> None:
    (moment,) = moments([run(), run(finished_at=NOW - 4000), run(result=None, finished_at=None)], NOW - 3600)
    assert (moment.subject, moment.at) == ("acme/shop", NOW - 30.5)
    assert moment.text == "#3 Say how money is counted on main: success after 59s"


def pane(*sources: PipelineSource) -> pipelines.Pane[Run]:
    return pipelines.build(Settings(pipelines=list(sources)))


def test_without_a_source_the_pane_says_what_to_write() -> None:
    assert "[[pipelines]]" in pane().feed.hint
    assert pane().actions[0].disabled([]) == "no CI server is configured"


def test_what_can_be_done_to_which() -> None:
    trigger, cancel, rerun = pane(PipelineSource(name="ci")).actions
    going = run(phase="running", result=None, finished_at=None)
    assert (trigger.key, cancel.key, rerun.key) == ("T", "X", "R")
    assert cancel.disabled([going]) is None
    assert cancel.disabled([run()]) == "has ended already"
    assert cancel.disabled([going, run()]) == "acme/shop #3 has ended already"
    assert rerun.disabled([run()]) is None
    assert rerun.disabled([going]) == "acme/shop #3 has not ended yet"
    assert rerun.disabled([run(read_only=True)]) == "ci is read-only"
    with pytest.raises(errors.Refused, match="read-only"):
        rerun.bind([run(read_only=True)], {})


def test_what_a_trigger_is_bound_to() -> None:
    one = pane(PipelineSource(name="ci", production=True)).actions[0]
    job = one.bind([run()], {})
    assert job.sentence == "Trigger a run of acme/shop on main in ci"
    assert job.targets[0].production
    assert one.bind([run()], {"repository": "acme/blog"}).sentence.endswith("acme/blog on its default branch in ci")
    assert one.bind([], {"repository": "acme/blog", "ref": "x"}).sentence == "Trigger a run of acme/blog on x in ci"
    with pytest.raises(errors.Refused, match="type a repository"):
        one.bind([], {})
    two = pane(PipelineSource(name="ci"), PipelineSource(name="eu", read_only=True)).actions[0]
    assert two.bind([], {"repository": "ci/acme/blog"}).sentence.endswith("acme/blog on its default branch in ci")
    with pytest.raises(errors.Refused, match="SOURCE/acme/blog"):
        two.bind([], {"repository": "acme/blog"})
    with pytest.raises(errors.Refused, match="eu is read-only"):
        two.bind([], {"repository": "eu/acme/blog"})


async def _lines(pieces: list[bytes]) -> list[str]:
    async def given() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [line async for line in lines(given())]


@given(st.text("ab\n\r\x1bäé→🚀", max_size=60), st.lists(st.integers(0, 200), max_size=8))
def test_lines_do_not_depend_on_where_the_log_was_cut(text: str, cuts: list[int]) -> None:
    data = text.encode()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    pieces = [data[start:end] for start, end in pairwise(places)]
    expected = [line.removesuffix("\r") for line in text.split("\n")]
    # A last line without its end is kept as it is; an empty one is none.
    last = text.split("\n")[-1]
    expected[-1:] = [last] if last else []
    assert asyncio.run(_lines(pieces)) == expected


async def test_a_line_without_end_is_bounded() -> None:
    cut = await _lines([b"x" * 50_000] * 5)
    assert [len(line) for line in cut] == [LINE_CHARS, LINE_CHARS, LINE_CHARS, 250_000 - 3 * LINE_CHARS]
    assert await _lines([b"\xff\n"]) == ["\ufffd"]


def test_a_dry_run_shows_no_password() -> None:
    pane = pipelines.build(Settings(pipelines=[PipelineSource(name="ci", url="http://ops:hunter2@127.0.0.1:9")]))
    trigger = next(one for one in pane.actions if one.id == "pipelines.trigger")
    job = trigger.bind([], {"repository": "acme/shop"})
    assert job.preview == ("POST http://ops:***@127.0.0.1:9/api/v1/runs: acme/shop on its default branch",)
