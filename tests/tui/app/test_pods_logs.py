"""The screen of logs: it follows, stays in place, is searched, filtered, marked, cleared and saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.pods.api.connection import Cluster
from cockpit.pods.logs.kept import Kept
from cockpit.pods.logs.lines import Shown
from cockpit.pods.logs.source import LogQuery, OnePod
from cockpit.tui.log_pages import LogPages
from cockpit.tui.paged import Shape
from cockpit.tui.screens.logs import LogsScreen


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, tls=False) as running:
        yield running


def put(sim: Simulator, name: str, *containers: str) -> None:
    running = {"ready": True, "restartCount": 0, "state": {"running": {}}}
    sim.put(
        {
            "metadata": {"namespace": "lab", "name": name},
            "spec": {"containers": [{"name": c, "image": "busybox:1"} for c in containers]},
            "status": {"phase": "Running", "containerStatuses": [{"name": c, **running} for c in containers]},
        }
    )


@pytest.fixture
def logs(drive: Callable[..., Any], sim: Simulator) -> Callable[..., Any]:
    """`async with logs("web") as (app, screen)`: the screen is open on these pods."""

    @asynccontextmanager
    async def run(*pods: str, size: tuple[int, int] = (120, 20)) -> AsyncIterator[tuple[Any, LogsScreen]]:
        cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
        query = LogQuery(tuple(OnePod("demo", "lab", pod) for pod in pods))
        screen = LogsScreen({"demo": cluster}, query, "Logs")
        async with drive(size=size) as app:
            app.app.push_screen(screen)
            await app.shows("open")
            yield app, screen

    return run


async def test_it_follows_and_one_who_scrolled_up_keeps_the_place(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    for n in range(100):
        sim.log("lab", "web", "c", f"line {n:03}")
    async with logs("web") as (app, screen):
        await app.shows("line 099", "following", "100 lines")
        assert "line 050" not in app.text
        await app.press("pageup")
        await app.shows("lines below")
        seen = screen.view.text()
        for n in range(100, 400):
            sim.log("lab", "web", "c", f"line {n:03}")
        await app.shows("400 lines")
        assert screen.view.text() == seen
        await app.press("G")
        await app.shows("line 399", "following")


async def test_search_counts_and_filter_keeps_only_what_was_found(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    for n in range(300):
        sim.log("lab", "web", "c", f"line {n:03} {'ERROR' if n % 100 == 50 else 'fine'}")
    async with logs("web") as (app, _screen):
        await app.shows("line 299")
        await app.press("slash")
        await app.type("error")
        await app.press("enter")
        await app.shows("/error", "/3")
        await app.press("n")
        await app.shows("ERROR")
        await app.press("f")
        await app.shows("line 050 ERROR", "line 150 ERROR", "line 250 ERROR", "only /error")
        assert "line 051" not in app.text
        await app.press("+")
        await app.shows("line 049", "line 051", "±1")
        sim.log("lab", "web", "c", "line 300 ERROR")
        await app.press("G")
        await app.shows("line 300 ERROR")
        await app.press("escape")
        await app.gone("only /error")


async def test_several_pods_bear_a_prefix_and_their_own_end(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    put(sim, "api", "c", "side")
    sim.log("lab", "web", "c", "hello of web")
    sim.log("lab", "api", "side", "hello of side")
    async with logs("web", "api") as (app, _screen):
        await app.shows("web hello of web", "api/side hello of side", "3 open")
        sim.remove("lab", "web")
        await app.shows("pod lab/web is gone", "1 ended")
        await app.press("t")
        await app.shows("T")
        await app.press("P")
        await app.gone("api/side hello")
        await app.press("]")
        await app.shows("1 open")


async def test_what_a_log_says_cannot_reach_the_terminal(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    sim.log("lab", "web", "c", b"bad \xff\xfe bytes \x00 \x1b]52;c;aGk=\x07 \x1b[31mred\x1b[0m end")
    sim.log("lab", "web", "c", b"x" * 100_000)
    async with logs("web") as (app, _):
        await app.shows("bad", "bytes ␀", "red end")
        assert "\x1b" not in app.text and "\x07" not in app.text


async def test_mark_clear_and_save(logs: Callable[..., Any], sim: Simulator, tmp_path: Path) -> None:
    put(sim, "web", "c")
    for n in range(30):
        sim.log("lab", "web", "c", f"old {n}")
    async with logs("web") as (app, _screen):
        await app.shows("old 29")
        await app.press("C")
        await app.gone("old 29")
        sim.log("lab", "web", "c", b"new \xff 1")
        await app.shows("new")
        await app.press("m")
        await app.shows("────")
        await app.press("S")
        await app.shows("Save the log")
        field = app.app.screen.query_one("#path")
        field.value = str(tmp_path / "kept.log")
        await app.press("enter")
        await app.shows("lines written to")
        saved = (tmp_path / "kept.log").read_bytes().split(b"\n")
        assert saved[0] == b"new \xff 1" and "────".encode() in saved[1] and saved[2:] == [b""]
        assert not list(tmp_path.glob(".kept*"))


async def test_it_can_be_resized_and_wrapped_while_lines_come(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    for n in range(50):
        sim.log("lab", "web", "c", f"{n} " + "wide " * 60)
    async with logs("web") as (app, _screen):
        await app.shows("49 wide")
        await app.press("w")
        await app.pilot.resize_terminal(50, 12)
        sim.log("lab", "web", "c", "the newest")
        await app.shows("the newest")
        await app.press("w", "right", "left", "g")
        await app.shows("0 wide")


async def test_another_time_span_and_previous_begin_anew(logs: Callable[..., Any], sim: Simulator) -> None:
    put(sim, "web", "c")
    sim.log("lab", "web", "c", "first")
    async with logs("web") as (app, _screen):
        await app.shows("first", "tail")
        await app.press("question_mark")
        await app.shows("Keys of logs", "More around")
        await app.press("escape")
        await app.press("3")
        await app.shows("since 5m", "first")
        await app.press("p")
        await app.shows("has been restarted")
        await app.press("0")
        await app.shows("first", "tail")


async def test_the_place_is_kept_while_the_oldest_lines_fall_off(tmp_path: Path) -> None:
    kept = Kept(disk_bytes=40_000, folder=tmp_path)
    await kept.open()
    pages, shape = LogPages(kept, [], Shown()), Shape(5, 80, False)
    said = 0

    async def say(count: int) -> None:
        nonlocal said
        await kept.take([b"line %05d" % n for n in range(said, said + count)], [0] * count)
        said += count

    for _ in range(20):
        await say(100)
    page = await pages.page((1500, 0), 0, shape, end=False)
    assert [row.text for row in page.rows] == [f"line {n:05}" for n in range(1500, 1505)]
    while not pages.dropped:
        await say(100)
        again = await pages.page((1500, 0), 0, shape, end=False)
        assert again.rows == page.rows
    while pages.dropped < 1600:
        await say(100)
        page = await pages.page(page.top, 0, shape, end=False)
    assert page.rows[0].text == f"{pages.dropped:,} earlier lines dropped"
    assert page.rows[1].text == f"line {pages.dropped:05}"
    last = await pages.page(page.top, 0, shape, end=True)
    assert last.rows[-1].text == f"line {said - 1:05}" and last.at_end
    pages.close()
