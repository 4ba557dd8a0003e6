"""Lines are bounded, never lost while one reads, searchable and safe to draw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.line_buffer import MOST_LINE_CHARS, LineBuffer, breaks, drawable
from cockpit.tui.widgets.line_view import LineView


class LinesApp(App[None]):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.view = LineView(**options)
        self.said: list[str] = []

    def get_default_screen(self) -> CellScreen[None]:
        return CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.view

    def on_span_lines_status_changed(self, event: LineView.StatusChanged) -> None:
        self.said.append(event.status)

    def lines(self) -> list[str]:
        return [self.view.render_line(y).text[:-1].rstrip() for y in range(self.view.size.height)]

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(size: tuple[int, int] = (40, 10), **options: Any) -> AsyncIterator[tuple[LinesApp, Pilot[None]]]:
    app = LinesApp(**options)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot


def numbered(count: int, start: int = 0) -> list[str]:
    return [f"line {n}" for n in range(start, start + count)]


async def test_a_text_is_shown_from_the_top() -> None:
    async with running() as (app, pilot):
        app.view.append(numbered(100))
        await app.until(lambda: app.lines()[0] == "line 0")
        await pilot.press("j", "j")
        assert app.lines()[0] == "line 2"
        await pilot.press("pagedown")
        assert app.lines()[0] == "line 11"
        await pilot.press("G")
        assert app.lines()[-1] == "line 99"
        await pilot.press("g", "k")
        assert app.lines()[0] == "line 0"


async def test_following_releases_and_resumes() -> None:
    async with running(follow=True) as (app, pilot):
        app.view.append(numbered(100))
        await app.until(lambda: app.lines()[-1] == "line 99")
        await pilot.press("k", "k")
        assert not app.view.following
        app.view.append(numbered(500, 100))
        app.view._paint()
        assert app.lines()[-1] == "line 97"
        await pilot.press("j")
        assert app.lines()[-1] == "line 98"
        await pilot.press("G")
        assert app.view.following
        assert app.lines()[-1] == "line 599"
        app.view.append(["newest"])
        await app.until(lambda: app.lines()[-1] == "newest")
        assert len(app.view.buffer) == 601
        await app.until(lambda: "601 lines · following" in app.said)


async def test_what_falls_off_is_counted_and_shown() -> None:
    async with running(follow=True, most_lines=1000) as (app, pilot):
        app.view.append(numbered(2234))
        await pilot.press("g")
        assert app.lines()[0] == "1,234 earlier lines dropped"
        assert app.lines()[1] == "line 1234"
        assert "1,234 earlier lines dropped" in app.view.status
        await pilot.press("j", "j", "j")
        assert app.lines()[0] == "line 1236"
        app.view.append(["x"])
        app.view._paint()
        assert app.lines()[0] == "line 1236"
        app.view.append(numbered(500))
        app.view._paint()
        assert app.lines()[0] == "1,735 earlier lines dropped"


async def test_bursts_are_painted_at_most_ten_times_a_second() -> None:
    async with running(follow=True) as (app, _):
        painted = 0
        original = app.view.refresh

        def refresh(*regions: Any, **options: Any) -> Any:
            nonlocal painted
            painted += 1
            return original(*regions, **options)

        app.view.refresh = refresh  # type: ignore[method-assign]
        for n in range(1000):
            app.view.append([f"line {n}"])
        await app.until(lambda: app.lines()[-1] == "line 999")
        assert painted <= 5


async def test_sideways_and_wrap() -> None:
    async with running((20, 6)) as (app, pilot):
        app.view.append(["0123456789" * 5, "short"])
        await app.until(lambda: app.lines()[1] == "short")
        assert app.lines()[0] == "0123456789012345678"
        await pilot.press("right")
        assert app.lines()[0] == "6789012345678901234"
        assert app.lines()[1] == ""
        await pilot.press("right", "right", "right")
        assert app.lines()[0].endswith("9")
        await pilot.press("left", "left", "left", "left", "w")
        assert app.view.wrapped
        assert app.lines()[:4] == ["0123456789012345678", "9012345678901234567", "890123456789", "short"]
        await pilot.press("w")
        assert app.lines()[1] == "short"


async def test_search_goes_round() -> None:
    async with running() as (app, pilot):
        app.view.append([f"{'ERROR disk' if n in (30, 700) else 'fine'} {n}" for n in range(1000)])
        app.view.search("error")
        await app.until(lambda: "ERROR disk 30" in app.lines())
        await pilot.press("n")
        await app.until(lambda: "ERROR disk 700" in app.lines())
        await pilot.press("n")
        await app.until(lambda: "ERROR disk 30" in app.lines())
        await pilot.press("N")
        await app.until(lambda: "ERROR disk 700" in app.lines())
        y = app.lines().index("ERROR disk 700")
        hit = [segment for segment in app.view.render_line(y) if segment.text == "ERROR"]
        assert hit and hit[0].style is not None and hit[0].style.reverse
        app.view.search("Error")
        await app.until(lambda: app.view.status.endswith("/Error: not found"))
        app.view.search("")
        assert "not found" not in app.view.status


async def test_search_far_to_the_right() -> None:
    async with running((30, 5)) as (app, _):
        app.view.append(["x" * 500 + "needle" + "y" * 50])
        app.view.search("needle")
        await app.until(lambda: "needle" in app.lines()[0])


async def test_yaml_is_coloured_and_whole() -> None:
    async with running(syntax="yaml") as (app, _):
        app.view.append(["metadata:", "  name: web  # why", '  - "a": b', "  url: http://x"])
        await app.until(lambda: "metadata:" in app.lines())
        assert app.lines()[:4] == ["metadata:", "  name: web  # why", '  - "a": b', "  url: http://x"]
        assert len(list(app.view.render_line(1))) > 3


async def test_hostile_lines() -> None:
    async with running() as (app, _):
        app.view.append(
            ["\x1b[31mred\x1b[0m", "\x1b]52;c;aGFja2Vk\x07", "a\tb", "c1\x9b31m", "x\u202ey\u200bz", "end\r\n"]
        )
        await app.until(lambda: "end" in app.lines())
        assert app.lines()[:6] == ["red", "␛]52;c;aGFja2Vk␇", "a       b", "c1�31m", "xyz", "end"]


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 2), (120, 1)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with running(follow=True, most_lines=50) as (app, pilot):
        app.view.append(["日本語 a long enough line to be wrapped " * 3, *numbered(100)])
        await pilot.resize_terminal(*size)
        await pilot.press("w", "k", "G", "g", "right", "j", "w", "pagedown", "left")
        app.view.append(numbered(10))
        app.view._paint()
        assert all(app.view.render_line(y).cell_length == app.view.size.width for y in range(app.view.size.height))
        await pilot.resize_terminal(40, 10)
        await pilot.press("G")
        await app.until(lambda: app.lines()[-1] == "line 9")


async def test_clear() -> None:
    async with running() as (app, pilot):
        app.view.append(numbered(5))
        app.view.clear()
        assert app.view.text() == ""
        assert app.lines() == [""] * 10
        await pilot.press("G", "n", "k")
        app.view.append(["again"])
        await app.until(lambda: app.lines()[0] == "again")


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=8), max_size=9), max_size=20), st.integers(1, 12))
def test_the_buffer_keeps_the_last_lines(batches: list[list[str]], most: int) -> None:
    buffer = LineBuffer(most_lines=most)
    said: list[str] = []
    for batch in batches:
        buffer.add(batch)
        said += map(drawable, batch)
        assert list(buffer) == said[-most:]
        assert buffer.end == len(said)
        assert buffer.dropped == max(0, len(said) - most)
        for number in range(buffer.dropped, buffer.end):
            assert buffer.line(number) == said[number]
        with pytest.raises(IndexError):
            buffer.line(buffer.end)


def test_the_buffer_is_bounded_in_bytes() -> None:
    buffer = LineBuffer(most_bytes=100_000)
    for n in range(1000):
        buffer.add([f"{n} " + "x" * 1000])
    assert 50 < len(buffer) < 100
    assert buffer.line(buffer.end - 1).startswith("999 ")


def test_a_very_long_line_is_cut_and_says_so() -> None:
    line = drawable("x" * (MOST_LINE_CHARS + 1234))
    assert line.endswith("… (1,234 more characters)")


@given(st.text(max_size=60), st.integers(2, 20))
def test_wrapped_rows_are_the_text(text: str, cells: int) -> None:
    safe = drawable(text)
    starts = breaks(safe, cells)
    rows = [safe[start:stop] for start, stop in zip(starts, [*starts[1:], len(safe)], strict=True)]
    assert "".join(rows) == safe
    assert all(cell_len(row) <= cells for row in rows)
