"""Small multiples: spikes and gaps show, and only what changed is repainted."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.app import App, ComposeResult
from textual.geometry import Region

from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.metric_grid import MetricGrid
from cockpit.tui.widgets.panel_lines import PanelView, SeriesView
from cockpit.tui.widgets.sparks import BLOCKS, sparkline

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("points", "width", "height", "expected"),
    [
        ([], 3, 1, ["   "]),
        ([0, 1, 2, 3, 4, 5, 6, 7], 8, 1, ["▁▂▃▄▅▆▇█"]),
        ([0, 7], 4, 1, ["▁▁██"]),
        ([0, None, 7], 7, 1, ["▁▁▁  ██"]),
        ([0, None, 7, NAN], 4, 1, ["▁ █ "]),
        ([0, INF, 7, -INF], 4, 1, ["▁██▁"]),
        ([5, 5, 5], 3, 1, ["▄▄▄"]),
        ([0, 0, 0], 3, 1, ["▁▁▁"]),
        ([0.095, 0.09500000000000001, 0.09499999999999999], 3, 1, ["▄▄▄"]),
        ([0, 15], 2, 2, [" █", "▁█"]),
        ([0, 0, 0, 9, 0, 0, 0, 0], 4, 1, ["▁█▁▁"]),
        ([None, None, 1, 2], 2, 1, [" ▁"]),
        ([-1e308, 1e308], 2, 1, ["▁█"]),
        ([1], 0, 1, [""]),
        ([1], 3, 0, []),
    ],
)
def test_sparklines(points: list[float | None], width: int, height: int, expected: list[str]) -> None:
    got = sparkline(points, width, height)
    if points == [None, None, 1, 2]:  # one known value is its own scale
        assert got[0][0] == " "
        assert got[0][1] in BLOCKS[1:]
    else:
        assert got == expected


@given(st.lists(st.none() | st.floats()), st.integers(0, 40), st.integers(0, 4))
def test_any_numbers(points: list[float | None], width: int, height: int) -> None:
    rows = sparkline(points, width, height)
    assert len(rows) == height
    assert all(len(row) == width and set(row) <= set(BLOCKS) for row in rows)


class Grid(MetricGrid):
    refreshed: list[Region | None]

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.__dict__.setdefault("refreshed", []).extend(regions or [None])
        return super().refresh(*regions, **options)


class GridApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.grid = Grid()
        self.said: list[Any] = []

    def get_default_screen(self) -> CellScreen[None]:
        return CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.grid

    def on_metric_grid_activated(self, event: MetricGrid.Activated) -> None:
        self.said.append(event.key)

    def lines(self) -> list[str]:
        return [self.grid.render_line(y).text for y in range(self.grid.size.height)]


def panel(n: int, *, last: float = 5.0, count: int = 1, **options: Any) -> PanelView:
    series = tuple(SeriesView(f"job{m}", (1.0, 2.0, None, last), last, 1.0, last) for m in range(count))
    return PanelView(f"k{n}", f"title {n}", "req/s", series=series, **options)


async def test_panels_beside_each_other() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 40)):
        app.grid.show([panel(n, count=n) for n in range(5)])
        text = "\n".join(app.lines())
        assert "title 0" in app.lines()[0] and "title 1" in app.lines()[0]
        assert "title 2" not in app.lines()[0]
        assert "no data" in text
        assert "3 of 4 req/s" in text
        assert "5  1…5" in text
        assert "req/s" in text
        assert all(len(line) == 80 for line in app.lines())


async def test_half_a_screen_holds_six_panels() -> None:
    app = GridApp()
    async with app.run_test(size=(78, 18)):
        app.grid.show([panel(n, count=count) for n, count in enumerate((7, 1, 4, 1, 1, 2))])
        text = "\n".join(app.lines())
        assert all(f"title {n}" in text for n in range(6))
        assert "job2" in text
        assert not any(line.endswith("┃") for line in app.lines())


async def test_charts_take_the_height_there_is() -> None:
    app = GridApp()
    async with app.run_test(size=(60, 21)):
        app.grid.show([panel(0, count=2)])
        heads = [y for y, line in enumerate(app.lines()) if "job" in line]
        assert heads == [1, 11]
        assert sum("█" in line for line in app.lines()) > 10


async def test_more_than_fits_shows_a_thumb() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 8)) as pilot:
        app.grid.show([panel(n) for n in range(8)])
        bar = [line[-1] for line in app.lines()]
        assert bar[0] == "┃" and bar[-1] == " "
        await pilot.press("G")
        assert "title 7" in "\n".join(app.lines())
        bar = [line[-1] for line in app.lines()]
        assert bar[0] == " " and bar[-1] == "┃"


async def test_errors_and_stale_panels_say_so() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 20)):
        app.grid.show([panel(0, error="parse error at\x1b[31m 5"), panel(1, stale=True)])
        assert "✗ parse error at␛[31m 5" in app.lines()[1]
        assert "stale req/s" in app.lines()[0]


async def test_only_what_changed_is_refreshed() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 20)) as pilot:
        app.grid.show([panel(n) for n in range(4)])
        await pilot.pause()
        app.grid.refreshed = []
        app.grid.show([panel(n) for n in range(4)])
        assert app.grid.refreshed == []
        app.grid.show([panel(0), panel(1, last=6.0), *[panel(n) for n in (2, 3)]])
        assert app.grid.refreshed
        assert all(region is not None and region.x >= 40 and region.y < 10 for region in app.grid.refreshed)


async def test_the_cursor_stays_by_key() -> None:
    app = GridApp()
    async with app.run_test(size=(80, 8)) as pilot:
        app.grid.show([panel(n) for n in range(8)])
        assert app.grid.cursor == "k0"
        await pilot.press("right", "j", "enter")
        await pilot.pause()
        assert app.said == ["k3"]
        app.grid.show([panel(n) for n in (9, 8, 3, 2)])
        assert app.grid.cursor == "k3"
        current = app.grid.current()
        assert current is not None and current.title == "title 3"
        await pilot.press("G")
        assert app.grid.cursor == "k2"
        assert any("title 2" in line for line in app.lines())
        app.grid.show([])
        assert app.grid.current() is None


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (10, 4), (200, 3)])
async def test_any_size(size: tuple[int, int]) -> None:
    app = GridApp()
    async with app.run_test(size=size) as pilot:
        app.grid.empty = "write [[metrics]]"
        app.grid.show([panel(n, count=n, error="日本語" * n) for n in range(6)])
        await pilot.press("j", "right", "G", "g")
        assert all(app.grid.render_line(y).cell_length == size[0] for y in range(size[1]))
        app.grid.show([])
        assert all(app.grid.render_line(y).cell_length == size[0] for y in range(size[1]))


async def test_a_long_hint_is_wrapped_whole() -> None:
    hint = 'nothing to read; write [[metrics]] with name = "prod" and url = "http://localhost:9090"'
    app = GridApp()
    async with app.run_test(size=(40, 8)):
        app.grid.empty = hint
        app.grid.show([])
        shown = " ".join(" ".join(app.grid.render_line(y).text for y in range(8)).split())
        assert shown == hint
