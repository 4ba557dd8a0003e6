"""Partial updates are whole: no halved characters, nothing lost in a batch, no chase of sizes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from textual import events
from textual._compositor import LayoutUpdate
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.strip import Strip
from textual.widgets import Static

from cockpit.model.printable import printable
from cockpit.tui.terminal.cells import disputed, fitted, wide_at, width
from cockpit.tui.terminal.compositor import CellModalScreen, CellScreen, CellUpdate

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30).map(printable)


def sent(text: str, x1: int, x2: int) -> str:
    strip = Strip([Segment(text)])
    update = CellUpdate([{0: strip}], [(0, x1, x2)], [[strip.cell_length]])
    return update.render_segments(Console(width=80, color_system=None))


@pytest.mark.parametrize(
    ("text", "x1", "x2", "expected"),
    [
        ("abcdef", 2, 4, "\x1b[1;3Hcd"),
        ("abcdef", 0, 6, "\x1b[1;1Habcdef"),
        ("日本語", 1, 4, "\x1b[1;1H日本"),
        ("日本語", 2, 3, "\x1b[1;3H本"),
        ("a日b", 2, 3, "\x1b[1;2H日"),
        ("a日b", 1, 2, "\x1b[1;2H日"),
    ],
)
def test_a_span_is_cut_on_both_sides(text: str, x1: int, x2: int, expected: str) -> None:
    assert sent(text, x1, x2) == expected


def test_disputed_text_is_put_in_its_place() -> None:
    strip = Strip([Segment("ab"), Segment("हिन्दी"), Segment("cd")])
    size = cell_len("हिन्दी")
    update = CellUpdate([{0: strip}], [(0, 0, 40)], [[strip.cell_length]])
    text = update.render_segments(Console(width=80, color_system=None))
    assert text == f"\x1b[1;1Hab\x1b[1;3H{' ' * size}\x1b[1;3Hहिन्दी\x1b[1;{3 + size}Hcd"


@given(TEXT, st.integers(-1, 40), st.sampled_from(["left", "right"]))
def test_fitted_text_takes_its_cells(text: str, cells: int, align: str) -> None:
    piece = fitted(text, cells, align)  # type: ignore[arg-type]
    assert cell_len(piece) == max(0, cells)
    assert width(piece.rstrip()) <= max(0, cells)


@given(TEXT)
def test_the_widest_measure_is_never_less_than_richs(text: str) -> None:
    assert width(text) >= cell_len(text)
    assert disputed(text) or width(text) == cell_len(text)


@given(TEXT, st.integers(0, 60))
def test_a_cut_beside_a_wide_character_keeps_it(text: str, x: int) -> None:
    strip = Strip([Segment(text[:7]), Segment(text[7:])])
    if x <= strip.cell_length:
        left, right = strip.crop(0, x), strip.crop(x, strip.cell_length)
        assert wide_at(strip, x) == (cell_len(text) > 0 and (left.text + right.text).count(" ") > text.count(" "))


class Panels(App[None]):
    def get_default_screen(self) -> CellScreen[None]:
        return CellScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield Static("one", id="one")


async def test_a_change_in_a_batch_is_painted_after_it() -> None:
    app = Panels()
    async with app.run_test(size=(40, 10)) as pilot:
        compositor = app.screen._compositor
        with app.batch_update():
            app.query_one(Static).update("two")
            app.screen.refresh(layout=True)
            app.screen._refresh_layout()
            app.screen._compositor_refresh()
            assert compositor._dirty_regions
        app.screen.check_idle()
        await pilot.pause()
        async with asyncio.timeout(20):
            while compositor._dirty_regions:
                await asyncio.sleep(0.01)
        assert "two" in "\n".join(strip.text for strip in compositor.render_strips())


async def test_two_sizes_on_their_way_end() -> None:
    """Stock textual lays out for ever, and nothing else gets its turn."""
    app = Panels()
    async with app.run_test(size=(40, 10)) as pilot:
        for columns in (80, 40, 80, 40):
            size = Size(columns, 10)
            app.screen.post_message(events.Resize(size, size))
        async with asyncio.timeout(20):
            await pilot.pause()
        assert app.screen.size == Size(40, 10)


async def test_a_screenshot_still_works() -> None:
    app = Panels()
    async with app.run_test(size=(40, 10)):
        assert "one" in app.export_screenshot()
        assert isinstance(app.screen._compositor.render_update(full=True, simplify=True), LayoutUpdate)


async def test_a_dialog_is_one_too() -> None:
    class Dialog(CellModalScreen[bool]):
        def compose(self) -> ComposeResult:
            yield Static("sure?")

    app = Panels()
    async with app.run_test(size=(40, 10)) as pilot:
        answers: list[bool | None] = []
        dialog = Dialog()
        app.push_screen(dialog, answers.append)
        await pilot.pause()
        assert dialog.is_modal
        assert isinstance(dialog._compositor.render_update(full=True), CellUpdate)
        dialog.dismiss(True)
        await pilot.pause()
        assert answers == [True]
