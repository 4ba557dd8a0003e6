"""A small app with one table, for the tests on a pty and for tests/bench: python table_app.py OPTIONS STATUS_FILE.

Keys: 1 2 3 change a cell of the first, middle, last column; 4 changes 20 cells; 5 puts hostile names;
7 counts itself in a cell; r repaints everything; s lends the terminal to another program for half a second;
x changes, adds and removes rows at random; q leaves.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from pathlib import Path
from typing import ClassVar

import msgspec
from msgspec import Struct
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable

from cockpit.listing.cells import Cell, Column
from cockpit.listing.listing import Listing
from cockpit.model.changes import Delta
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.terminal.driver import PacedDriver
from cockpit.tui.widgets.live_table import LiveTable

NAMES = ("namespace", "name", "ready", "status", "restarts", "cpu", "memory", "node", "ip", "age")
WIDTHS = (12, 40, 5, 18, 8, 6, 7, 12, 15, 6)
LETTERS = str.maketrans("0123456789", "abcdefghij")
"""DataTable gives digits a style of their own."""
HOSTILE = (
    "osc\x1b]52;c;aGFja2Vk\x07",
    "csi\x1b[2J\x1b[31m",
    "c1\x9b31m\x9d52;c;aGFja2Vk\x9c",
    "bidi\u202egnp.exe\u2066",
    "zero\u200bwidth\u200d\ufeff",
    "wide日本語한국어",
    "zwj👩\u200d💻👨\u200d👩\u200d👧",
    "tone👍🏽keycap1️⃣",
    "marks" + "e\u0301\u0302\u0303" * 5,
    "[red]markup[/red] [@click=app.bell]x[/]",
    "\u0301leading",
    "हिन्दी தமிழ் বাংলা",
    "䷀☰𝌀𝍠㉈ flags🇩🇪🇫🇷",
    "ไทย العربية עברית",
    "lone\udc9bsurrogate",
    "tab\tnl\ncr\rbel\x07",
)


class Row(Struct, frozen=True, gc=False):
    key: str
    cells: tuple[str, ...]


def make_rows(count: int) -> dict[str, Row]:
    states = ("Running", "Running", "Running", "Pending", "CrashLoopBackOff")
    rows = {}
    for n in range(count):
        key = f"{n:06}"
        cells = (
            f"ns-{n % 7}",
            f"service-{n:06}-7d9f8b6c5-x{n % 97:02}",
            "1/1",
            states[n % 5],
            str(n % 4),
            f"{n % 100}m",
            f"{n % 900}Mi",
            f"node-{n % 12}",
            f"10.1.{n // 250 % 250}.{n % 250}",
            f"{n % 60}m",
        )
        rows[key] = Row(key, cells)
    return rows


def _column(place: int) -> Column[Row]:
    def cell(row: Row, _: float) -> Cell:
        text = row.cells[place]
        if place != 3:
            return Cell(text)
        tone = {"Running": Tone.GOOD, "Pending": Tone.BUSY}.get(text, Tone.BAD)
        return Cell(text, tone, GLYPHS[tone])

    return Column(NAMES[place], NAMES[place].upper(), WIDTHS[place], cell, lambda row: row.cells[place])


COLUMNS = (
    *(_column(place) for place in range(len(NAMES))),
    Column("tick", "KEY", 6, lambda row, _: Cell(row.key), lambda row: row.key),
)


class TableApp(App[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        ("q", "quit", "Quit"),
        ("1", "change(0)", ""),
        ("2", "change(4)", ""),
        ("3", "change(9)", ""),
        ("4", "change_many", ""),
        ("5", "hostile", ""),
        ("7", "count", ""),
        ("r", "repaint", ""),
        ("s", "lend", ""),
        ("x", "shuffle", ""),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(driver_class=None if options.stock else PacedDriver)
        self.options = options
        self.rows = make_rows(options.rows)
        self.listing = Listing(COLUMNS, "tick")
        self.random = random.Random(7)
        self.count = 0
        self.presses = 0
        self.worst_gap = 0.0
        self.turns = 0

    def get_default_screen(self) -> Screen[object]:
        return Screen(id="_default") if self.options.stock else CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        if self.options.stock:
            yield DataTable(cursor_type="row")
        else:
            yield LiveTable(self.listing)

    async def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)
        started = time.perf_counter()
        if self.options.stock:
            table = self.query_one(DataTable)
            table.add_column("", width=1)
            for name, cells in zip(NAMES, WIDTHS, strict=True):
                table.add_column(name.upper(), key=name, width=cells)
            for row in self.rows.values():
                table.add_row(" ", *row.cells, key=row.key)
        else:
            await self.listing.apply(Delta(reset=True, upserts=dict(self.rows)))
            self.query_one(LiveTable).sync()
        self.loaded_seconds = time.perf_counter() - started
        self._jobs = [loop.create_task(job()) for job in (self._watch, self._update)]

    async def _watch(self) -> None:
        """The loop's own pulse, and the status file."""
        path, last, written = Path(self.options.status), time.perf_counter(), 0.0
        while True:
            await asyncio.sleep(0.01)
            now = time.perf_counter()
            self.worst_gap, last = max(self.worst_gap, now - last), now
            self.turns += 1
            if now - written > 0.05:
                written = now
                self.write_status(path)
                last = time.perf_counter()

    def write_status(self, path: Path) -> None:
        status = {
            "turns": self.turns,
            "count": self.count,
            "held": getattr(self._driver, "held", False),
            "gap": self.worst_gap,
            "loaded": self.loaded_seconds,
            "cursor": None if self.options.stock else self.query_one(LiveTable).cursor,
        }
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(status))
        beside.replace(path)

    async def _update(self) -> None:
        if not self.options.rate:
            return
        while True:
            await asyncio.sleep(0.1)
            keys = self.random.choices(self._pool(), k=max(1, self.options.rate // 10))
            places = dict.fromkeys(keys, 4)
            places.pop("000010", None)  # the row that keys change: its text must reach the screen
            await self.change(places)

    def _pool(self) -> list[str]:
        keys = list(self.rows)
        return keys[: self.options.visible] if self.options.visible else keys

    async def action_count(self) -> None:
        self.presses += 1
        cells = list(self.rows["000010"].cells)
        cells[4] = f"k{self.presses:05}".translate(LETTERS)
        await self.put({"000010": msgspec.structs.replace(self.rows["000010"], cells=tuple(cells))})

    async def change(self, places: dict[str, int]) -> None:
        """Another text of the same length in these cells."""
        self.count += 1
        new = {}
        for key, place in places.items():
            cells = list(self.rows[key].cells)
            cells[place] = f"c{self.count:05}"
            new[key] = msgspec.structs.replace(self.rows[key], cells=tuple(cells))
        await self.put(new)

    async def put(self, new: dict[str, Row]) -> None:
        self.rows.update(new)
        if self.options.stock:
            table = self.query_one(DataTable)
            with self.batch_update():
                for key, row in new.items():
                    for name, text in zip(NAMES, row.cells, strict=True):
                        if table.get_cell(key, name) != text:
                            table.update_cell(key, name, text)
        else:
            await self.listing.apply(Delta(upserts=new))
            self.query_one(LiveTable).sync()

    async def action_change(self, place: int) -> None:
        await self.change({"000010": place})

    async def action_change_many(self) -> None:
        await self.change({f"{n:06}": n % 10 for n in range(5, 25)})

    async def action_hostile(self) -> None:
        new = {}
        for n, name in enumerate(HOSTILE):
            row = self.rows[f"{n:06}"]
            new[row.key] = Row(row.key, (row.cells[0], name, *row.cells[2:]))
        await self.put(new)

    def action_repaint(self) -> None:
        self.screen.refresh(layout=True)

    async def action_lend(self) -> None:
        with self.suspend():
            await asyncio.sleep(0.5)

    async def action_shuffle(self) -> None:
        pick = self.random
        names = (*HOSTILE, "plain", "a-rather-longer-name-than-before", "名前")
        visible = [item.key for item in self.listing.window(0, 60)]
        upserts = {
            key: Row(key, (f"ns-{pick.randrange(9)}", pick.choice(names), *self.rows[key].cells[2:]))
            for key in pick.sample(visible, 8)
        }
        fresh = f"{pick.randrange(60):06}.{self.count}"
        upserts[fresh] = Row(fresh, self.rows["000001"].cells)
        removed = {pick.choice(visible)} - upserts.keys()
        self.count += 1
        self.rows.update(upserts)
        await self.listing.apply(Delta(upserts=upserts, removed=removed))
        self.query_one(LiveTable).sync()

    async def action_quit(self) -> None:
        self.exit()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stock", action="store_true", help="textual's DataTable, driver and screen")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=0, help="row updates a second")
    parser.add_argument("--visible", type=int, default=0, help="update only so many first rows")
    parser.add_argument("status")
    TableApp(parser.parse_args()).run()


if __name__ == "__main__":
    main()
