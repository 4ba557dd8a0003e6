"""A file on the screen: paged, followed, searched, wrapped, hostile or huge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot

from cockpit.tui.paged import PagedFile
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.widgets.file_view import FileView


class FileApp(App[None]):
    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__()
        self.file = PagedFile(path)
        self.view = FileView(self.file, **options)

    def get_default_screen(self) -> CellScreen[None]:
        return CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.view

    def lines(self) -> list[str]:
        return [self.view.render_line(y).text[:-1].rstrip() for y in range(self.view.size.height)]

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(20):
                while not holds():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError([*self.lines(), self.view.status]) from None

    async def shows(self, *lines: str, at: int = 0) -> None:
        await self.until(lambda: self.lines()[at : at + len(lines)] == list(lines))


@asynccontextmanager
async def running(
    path: Path, size: tuple[int, int] = (40, 10), **options: Any
) -> AsyncIterator[tuple[FileApp, Pilot[None]]]:
    app = FileApp(path, **options)
    async with app.run_test(size=size) as pilot:
        yield app, pilot
    app.file.close()


def numbered(count: int, start: int = 0) -> bytes:
    return b"".join(b"line %d\n" % n for n in range(start, start + count))


async def test_moving_through_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(numbered(100))
    async with running(path) as (app, pilot):
        await app.shows("line 0", "line 1")
        await pilot.press("j", "j")
        await app.shows("line 2")
        await pilot.press("pagedown")
        await app.shows("line 11")
        await pilot.press("G")
        await app.shows("line 90")
        assert "following" in app.view.status
        await pilot.press("k")
        await app.shows("line 89")
        assert "following" not in app.view.status
        await pilot.press("j", "j", "j")
        await app.shows("line 90")
        await app.until(lambda: app.view.following)
        await pilot.press("g")
        await app.shows("line 0")
        await pilot.press("k")
        await app.shows("line 0")


async def test_keys_in_a_burst_are_none_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(numbered(1000))
    async with running(path) as (app, _):
        await app.shows("line 0")
        for _ in range(200):
            app.view.action_move(1)
        for _ in range(50):
            app.view.action_move(-1)
        await app.shows("line 150")


async def test_it_follows_what_is_appended_until_one_scrolls_up(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    async with running(path, follow=True) as (app, pilot):
        await app.until(lambda: app.view.status == "0B · following")
        with path.open("ab") as file:
            file.write(numbered(50))
            file.flush()
            app.view.look()
            await app.shows("line 49", at=9)
            await pilot.press("k")
            await app.shows("line 48", at=9)
            file.write(numbered(50, 50))
            file.flush()
            app.view.look()
            await app.until(lambda: app.view.status.startswith("790B"))
            assert app.lines()[9] == "line 48"
            await pilot.press("G")
            await app.shows("line 99", at=9)


async def test_search_goes_around_and_brings_far_places_into_view(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(numbered(500) + b"x" * 90 + b"NEEDLE one\n" + numbered(500) + b"needle two\n")
    async with running(path) as (app, pilot):
        await app.shows("line 0")
        app.view.search("needle")
        await app.until(lambda: any("NEEDLE one" in line for line in app.lines()))
        await pilot.press("n")
        await app.until(lambda: any("needle two" in line for line in app.lines()))
        await pilot.press("n")
        await app.until(lambda: any("NEEDLE one" in line for line in app.lines()))
        await pilot.press("N")
        await app.until(lambda: any("needle two" in line for line in app.lines()))
        app.view.search("NEEDLE")
        await app.until(lambda: any("NEEDLE one" in line for line in app.lines()))
        app.view.search("absent")
        await app.until(lambda: "/absent: not found" in app.view.status)
        app.view.search("")
        await app.until(lambda: "absent" not in app.view.status)


async def test_wrapped_rows_are_moved_through_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(b"a" * 39 + b"b" * 39 + b"c" * 5 + b"\n" + numbered(100))
    async with running(path) as (app, pilot):
        await app.shows("a" * 39, "line 0")
        await pilot.press("w")
        await app.shows("a" * 39, "b" * 39, "c" * 5, "line 0")
        await pilot.press("j")
        await app.shows("b" * 39, "c" * 5, "line 0")
        await pilot.press("G", "g")
        await app.shows("a" * 39)


async def test_what_is_hostile_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    path.write_bytes(b"\x1b]52;c;aGFja2Vk\x07 clip\n\xff\xfe bytes\n\x1b[31mred\x1b[0m\n[bold]no markup[/]\n\x00\n")
    async with running(path) as (app, _):
        await app.shows("␛]52;c;aGFja2Vk␇ clip", "�� bytes", "red", "[bold]no markup[/]", "␀")


async def test_a_huge_file_without_a_line_end_opens_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.out"
    with path.open("wb") as file:
        file.truncate(3 * 2**30)  # a hole: 3 GB of NUL that take no room
        file.seek(0, 2)
        file.write(b"\nlast\n")
    async with running(path, follow=True) as (app, pilot):
        await app.shows("last", at=9)
        await pilot.press("k")
        await app.until(lambda: app.lines()[8].startswith("␀"))
        await pilot.press("g")
        await app.until(lambda: app.view.status == "3.0G · 0%")


async def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "folder.out").mkdir()
    async with running(tmp_path / "folder.out") as (app, _):
        await app.until(lambda: "cannot read" in app.view.status)
