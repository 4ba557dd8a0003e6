"""The table keeps its place by key and repaints only what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Struct
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.pilot import Pilot

from cockpit.listing.cells import Cell, Column
from cockpit.listing.listing import Listing
from cockpit.model.changes import Delta
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.live_table import LiveTable


class Row(Struct, frozen=True, gc=False):
    key: str
    name: str
    status: str = "ok"
    born: float = 0.0


NAME: Column[Row] = Column("name", "NAME", 8, lambda row, _: Cell(row.name), lambda row: row.name)
STATUS: Column[Row] = Column(
    "status",
    "STATUS",
    6,
    lambda row, _: Cell(row.status, Tone.GOOD if row.status == "ok" else Tone.BAD, GLYPHS[Tone.GOOD]),
    lambda row: row.status,
)
AGE: Column[Row] = Column(
    "age", "AGE", 5, lambda row, now: Cell(f"{now - row.born:.0f}s"), lambda row: -row.born, align="right", clock=True
)
NODE: Column[Row] = Column("node", "NODE", 6, lambda row, _: Cell("node-" + row.key), lambda row: row.key, wide=True)


class Table(LiveTable[Row]):
    """Notes which regions it refreshes."""

    refreshed: list[Region | None]

    def refresh(self, *regions: Region, **options: Any) -> Any:
        self.__dict__.setdefault("refreshed", []).extend(regions or [None])
        return super().refresh(*regions, **options)


class TableApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.listing: Listing[Row] = Listing((NAME, STATUS, AGE, NODE), "name")
        self.now = 1000.0
        self.table = Table(self.listing, clock=lambda: self.now)
        self.said: list[Message] = []

    def get_default_screen(self) -> CellScreen[None]:
        return CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.table

    def on_live_table_activated(self, event: LiveTable.Activated) -> None:
        self.said.append(event)

    on_live_table_cursor_moved = on_live_table_activated
    on_live_table_marks_changed = on_live_table_activated
    on_live_table_sort_requested = on_live_table_activated

    async def put(self, *rows: Row, removed: tuple[str, ...] = (), reset: bool = False) -> None:
        await self.listing.apply(Delta(reset=reset, upserts={row.key: row for row in rows}, removed=set(removed)))
        self.table.sync()

    def lines(self) -> list[str]:
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    def names(self) -> list[str]:
        return [line[2:].split()[0] if line[2:].strip() else "" for line in self.lines()[1:]]

    def cursor_line(self) -> int:
        return next(y for y, line in enumerate(self.lines()) if line[0] in "▌│")


def rows(count: int, start: int = 0) -> list[Row]:
    return [Row(f"{n:06}", f"row-{n:06}") for n in range(start, start + count)]


Running = Callable[..., Any]


@pytest.fixture
def running() -> Running:
    @asynccontextmanager
    async def run(count: int = 0, size: tuple[int, int] = (60, 12)) -> AsyncIterator[tuple[TableApp, Pilot[None]]]:
        app = TableApp()
        async with app.run_test(size=size) as pilot:
            await app.put(*rows(count), reset=True)
            await pilot.pause()
            app.table.refreshed = []
            yield app, pilot

    return run


async def test_rows_and_header(running: Running) -> None:
    async with running(3) as (app, _):
        lines = app.lines()
        assert lines[0].split() == ["NAME↑", "STATUS", "AGE"]
        assert lines[1].startswith("▌ row-000000")
        assert "● ok" in lines[1]
        assert lines[2].startswith("  row-000001")
        assert lines[4].strip() == ""
        assert all(len(line) == 60 for line in lines)


async def test_the_header_follows_the_listing(running: Running) -> None:
    async with running(3) as (app, _):
        await app.listing.arrange(AGE, True, None)
        app.table.sync()
        assert "↓AGE" in app.lines()[0]
        assert "NAME↑" not in app.lines()[0]


async def test_the_cursor_moves(running: Running) -> None:
    async with running(1000) as (app, pilot):
        for key, expected in (
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("k", 0), ("pagedown", 11), ("pageup", 0), ("G", 999),
            ("j", 999), ("home", 0), ("end", 999), ("g", 0),
        ):  # fmt: skip
            await pilot.press(key)
            assert app.table.cursor == f"{expected:06}", key
            assert 1 <= app.cursor_line() <= 11
        moved = [event for event in app.said if isinstance(event, LiveTable.CursorMoved)]
        assert moved[-1].key == "000000"
        assert moved[-1].control is app.table


async def test_holding_a_key_scrolls_by_half_a_window(running: Running) -> None:
    async with running(100) as (app, pilot):
        tops = set()
        for _ in range(30):
            await pilot.press("j")
            tops.add(app.table.scroll_offset.y)
        assert len(tops) <= 6


async def test_an_untouched_cursor_stays_at_the_top(running: Running) -> None:
    async with running() as (app, _):
        await app.put(*rows(50, start=50))
        assert app.table.cursor == "000050"
        await app.put(*rows(50))
        assert app.table.cursor == "000000"
        assert app.names()[0] == "row-000000"


async def test_rows_that_come_and_go_move_nothing(running: Running) -> None:
    async with running(200) as (app, pilot):
        await pilot.press("G", "pageup", "j")
        key, line, names = app.table.cursor, app.cursor_line(), app.names()
        await app.put(*[Row(f"x{n}", f"a-{n}") for n in range(40)])
        assert (app.table.cursor, app.cursor_line(), app.names()) == (key, line, names)
        await app.put(removed=tuple(f"x{n}" for n in range(0, 40, 2)))
        assert (app.table.cursor, app.cursor_line(), app.names()) == (key, line, names)


async def test_a_scrolled_view_stays_when_the_cursor_is_elsewhere(running: Running) -> None:
    async with running(200) as (app, pilot):
        await pilot.press("j")
        app.table.scroll_to(y=100, animate=False, force=True)
        await pilot.pause()
        assert app.names()[0] == "row-000100"
        await app.put(*[Row(f"x{n}", f"a-{n}") for n in range(40)])
        assert app.names()[0] == "row-000100"
        assert app.table.cursor == "000001"


async def test_a_removed_cursor_goes_to_the_neighbour(running: Running) -> None:
    async with running(20) as (app, pilot):
        await pilot.press("j", "j", "j")
        await app.put(removed=("000003", "000004"))
        assert app.table.cursor == "000005"
        await app.put(removed=tuple(f"{n:06}" for n in range(5, 20)))
        assert app.table.cursor == "000002"
        await app.put(reset=True)
        assert app.table.cursor is None
        assert app.table.current() is None
        assert app.table.targets() == []
        await app.put(*rows(3))
        assert app.table.cursor in {"000000", "000001", "000002"}


async def test_a_sort_keeps_the_cursor(running: Running) -> None:
    async with running(200) as (app, pilot):
        await pilot.press("j", "j")
        await app.listing.arrange(NAME, True, None)
        app.table.sync()
        assert app.table.cursor == "000002"
        assert app.lines()[app.cursor_line()][2:12] == "row-000002"


async def test_a_filter_that_hides_the_cursor(running: Running) -> None:
    async with running(50) as (app, pilot):
        await pilot.press("j", "j")
        await app.listing.arrange(NAME, False, lambda row: row.name.endswith("7"))
        app.table.sync()
        assert app.table.cursor == "000007"
        assert app.table.current() == Row("000007", "row-000007")


async def test_marks(running: Running) -> None:
    async with running(30) as (app, pilot):
        await pilot.press("j", "space", "j", "j", "ctrl+@")
        assert app.table.marks == {"000001", "000002", "000003"}
        assert [row.key for row in app.table.targets()] == ["000001", "000002", "000003"]
        assert [line[1] for line in app.lines()[1:6]] == [" ", "*", "*", "*", " "]
        await pilot.press("space")
        assert app.table.marks == {"000001", "000002"}
        await app.put(removed=("000001",))
        assert app.table.marks == {"000002"}
        await pilot.pause()
        changed = [event for event in app.said if isinstance(event, LiveTable.MarksChanged)]
        assert changed[-1].marks == {"000002"}
        await app.put(*rows(2))
        assert app.table.marks == {"000002"}
        await pilot.press("u")
        assert app.table.marks == set()
        assert [row.key for row in app.table.targets()] == [app.table.cursor]


async def test_hidden_marks_are_no_targets(running: Running) -> None:
    async with running(30) as (app, pilot):
        await pilot.press("space", "j", "space")
        await app.listing.arrange(NAME, False, lambda row: row.name != "row-000000")
        app.table.sync()
        assert [row.key for row in app.table.targets()] == ["000001"]
        await app.listing.arrange(NAME, False, None)
        app.table.sync()
        assert len(app.table.targets()) == 2


async def test_enter_double_click_and_header_click(running: Running) -> None:
    async with running(30) as (app, pilot):
        await pilot.press("j", "enter")
        await pilot.pause()
        assert isinstance(app.said[-1], LiveTable.Activated)
        assert app.said[-1].key == "000001"
        await pilot.click(Table, offset=(5, 4))
        assert app.table.cursor == "000003"
        await pilot.click(Table, offset=(5, 6), times=2)
        await pilot.pause()
        assert isinstance(app.said[-1], LiveTable.Activated)
        assert app.said[-1].key == "000005"
        await pilot.click(Table, offset=(app.lines()[0].index("STATUS") + 1, 0))
        await pilot.pause()
        assert isinstance(app.said[-1], LiveTable.SortRequested)
        assert app.said[-1].column_id == "status"


async def test_only_differing_cells_are_refreshed(running: Running) -> None:
    async with running(30) as (app, pilot):
        await app.put(Row("000004", "row-000004"))
        assert app.table.refreshed == []
        await app.put(Row("000004", "row-000004", "down"))
        (region,) = app.table.refreshed
        at = app.lines()[5].index("● down")
        assert (region.y, region.height) == (5, 1)
        assert region.x == at
        assert len("● down") <= region.width <= len("● down") + 1
        app.table.refreshed = []
        await app.put(Row("000029", "row-000029", "down"))
        assert app.table.refreshed == []  # out of view
        await pilot.press("j")
        assert all(region is not None and region.width < 20 for region in app.table.refreshed)


async def test_clock_cells_stay_for_ten_seconds(running: Running) -> None:
    async with running(3) as (app, _):
        assert "1000s" in app.lines()[1]
        app.now += 9
        app.table.sync()
        assert app.table.refreshed == []
        await app.put(Row("000001", "row-000001", "down"))
        assert "1000s" in app.lines()[1]
        assert "1009s" in app.lines()[2]
        app.now += 1
        app.table.sync()
        assert "1010s" in app.lines()[1]
        assert "1009s" in app.lines()[2]


async def test_widths_are_fitted_once(running: Running) -> None:
    async with running(3) as (app, _):
        await app.put(Row("000001", "a-much-longer-name-than-at-first"))
        assert "…" in app.lines()[1]
        app.table.refit()
        assert "a-much-longer-name-than-at-first" in app.lines()[1]


async def test_the_widest_column_gives_way(running: Running) -> None:
    async with running(0, (40, 8)) as (app, _):
        await app.put(Row("1", "x" * 70), Row("2", "short"))
        assert all(word in app.lines()[0] for word in ("NAME", "STATUS", "AGE"))
        assert "…" in app.lines()[2]
        assert "● ok" in app.lines()[1]


async def test_wide_columns(running: Running) -> None:
    async with running(3) as (app, _):
        assert "NODE" not in app.lines()[0]
        app.table.wide = True
        assert "NODE" in app.lines()[0]
        assert "node-000000" in app.lines()[1]


async def test_a_column_that_says_nothing_comes_with_the_first_row_that_does(running: Running) -> None:
    used: Column[Row] = Column(
        "used", "USED", 5, lambda row, _: Cell("7%" if row.status == "hot" else "n/a"), lambda row: row.key, blank="n/a"
    )
    async with running(3) as (app, _):
        app.listing.columns = (NAME, STATUS, used)
        app.table.refit()
        assert app.lines()[0].split() == ["NAME↑", "STATUS"]
        await app.put(Row("000001", "row-000001", "hot"))
        assert app.lines()[0].split() == ["NAME↑", "STATUS", "USED"]
        assert "7%" in app.lines()[2]
        await app.put(Row("000001", "row-000001"))
        assert "USED" in app.lines()[0]  # a table that runs does not jump


async def test_no_column_to_show(running: Running) -> None:
    async with running(3) as (app, pilot):
        app.listing.columns = (NODE,)
        app.table.refit()
        await pilot.press("j", "right")
        assert app.lines()[1].strip() == ""
        app.table.wide = True
        assert "node-000001" in app.lines()[2]


async def test_sideways(running: Running) -> None:
    async with running(3, (24, 8)) as (app, pilot):
        app.table.wide = True
        await pilot.pause()
        assert app.lines()[0].endswith("›")
        await pilot.press("right")
        assert "NAME" not in app.lines()[0]
        await pilot.press("right", "right", "right")
        assert "NODE" in app.lines()[0]
        assert app.lines()[0].endswith("‹")
        await pilot.press("left", "left", "left", "left")
        assert "NAME" in app.lines()[0]


async def test_the_name_stays_under_a_sideways_scroll(running: Running) -> None:
    async with running(3, (30, 8)) as (app, pilot):
        app.listing.columns = (replace(NAME, frozen=True), STATUS, AGE, replace(NODE, width=14))
        app.table.wide = True
        await pilot.pause()
        assert app.lines()[0].endswith("›")
        await pilot.press("right", "right")
        assert "STATUS" not in app.lines()[0]
        assert "row-000" in app.lines()[1]
        assert "node-000000" in app.lines()[1]
        app.table.refreshed = []
        await app.put(Row("000001", "row-000001a", "down"))
        assert [region.x for region in app.table.refreshed if region is not None] == [2]  # the status is out of view
        at = app.lines()[0].index("NODE") + 1
        await pilot.click(Table, offset=(at, 0))
        await pilot.pause()
        assert isinstance(app.said[-1], LiveTable.SortRequested)
        assert app.said[-1].column_id == "node"


async def test_a_new_order_widens_where_there_is_room(running: Running) -> None:
    async with running(3, (70, 8)) as (app, _):
        await app.put(Row("000001", "a-much-longer-name-than-at-first"))
        assert "…" in app.lines()[1]
        app.table.widen()
        app.table.sync()
        assert "a-much-longer-name-than-at-first" in app.lines()[1]
        before = app.lines()[0]
        await app.listing.arrange(NAME, False, lambda row: row.key != "000001")
        app.table.widen()
        app.table.sync()
        assert app.lines()[0] == before


async def test_a_resize_fits_anew(running: Running) -> None:
    async with running(3, (60, 8)) as (app, pilot):
        await app.put(Row("000001", "a-much-longer-name-than-at-first"))
        assert "…" in app.lines()[1]
        await pilot.resize_terminal(70, 8)
        await pilot.pause()
        assert "a-much-longer-name-than-at-first" in app.lines()[1]


async def test_nothing_to_show(running: Running) -> None:
    async with running() as (app, pilot):
        app.table.empty = "nothing found; write [[pods]] in config.toml and a good deal more than fits one line"
        await pilot.pause()
        text = " ".join(line.strip() for line in app.lines())
        assert "nothing found; write [[pods]] in config.toml and a good deal more than fits one line" in text
        await app.put(*rows(1))
        assert "nothing found" not in "".join(app.lines())
        await app.put(removed=("000000",))
        assert "nothing found" in "".join(app.lines())


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (5, 3), (200, 2), (1, 50)])
async def test_any_size(running: Running, size: tuple[int, int]) -> None:
    async with running(50, (60, 12)) as (app, pilot):
        await pilot.press("j", "G")
        await pilot.resize_terminal(*size)
        await pilot.press("k", "g", "pagedown", "space", "right")
        await app.put(*rows(60))
        assert all(len(line) == app.table.size.width for line in app.lines())
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        assert 1 <= app.cursor_line() <= 11


async def test_hidden_it_keeps_its_place(running: Running) -> None:
    async with running(100) as (app, pilot):
        await pilot.press("G", "k", "k")
        app.table.display = False
        await pilot.pause()
        await app.put(*[Row(f"x{n}", f"a-{n}") for n in range(40)])
        app.table.display = True
        await pilot.pause()
        assert app.table.cursor == "000097"
        assert 1 <= app.cursor_line() <= 11


async def test_hostile_text_stays_in_its_cell(running: Running) -> None:
    names = (
        "osc\x1b]52;c;aGFja2Vk\x07", "c1\x9b31m", "bidi\u202egnp", "日本語" * 20, "e\u0301" * 30, "\u0301x",
        "[red]markup[/] [@click=app.quit]x[/]", "👩\u200d💻👍🏽1️⃣", "हिन्दी" * 9, "\udc9b", "🇩🇪" * 30,
    )  # fmt: skip
    async with running() as (app, _):
        await app.put(*[Row(f"{n}", name) for n, name in enumerate(names)], Row("a", "plain"))
        starts = {line.index("● ok") if line.isascii() else None for line in app.lines()[1:] if "plain" in line}
        assert starts
        for y in range(1, 12):
            strip = app.table.render_line(y)
            assert strip.cell_length == 60
            assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in strip.text)
        assert any("[red]markup[/] [@click=app.quit]x[/]" in line for line in app.lines())


async def test_a_hundred_thousand_rows(running: Running) -> None:
    async with running(100_000) as (app, pilot):
        await pilot.press("G")
        assert app.table.cursor == "099999"
        await app.put(Row("099999", "row-099999", "down"))
        assert "● down" in app.lines()[11]
