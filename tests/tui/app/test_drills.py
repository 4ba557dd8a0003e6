"""A table inside a row: its keys, its feed, its end."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.config.settings import Settings
from cockpit.model import errors
from cockpit.session import catalogue


@pytest.fixture
def parts(world: Any, thing: Any, memory: Any) -> Any:
    """The parts of fleet-1."""
    world.parts["fleet-1"] = memory("fleet-1", [thing(f"p/{n}", f"part-{n}", size=n) for n in range(1, 4)])
    return world.parts["fleet-1"]


async def test_a_drill_shows_its_rows_live_and_closing_it_ends_its_feed(drive: Any, parts: Any, thing: Any) -> None:
    async with drive() as app:
        await app.press("P")
        await app.shows("Parts · fleet-1", "part-1", "part-3", "● live")
        assert "pods-1" not in app.text
        parts.put(thing("p/9", "part-9"))
        parts.drop("p/2")
        await app.shows("part-9")
        await app.gone("part-2")
        await app.press("escape")
        await app.shows("pods-1")
        await app.until(lambda: parts.left == 1, "the feed ended")


async def test_a_row_without_parts_says_so(drive: Any, parts: Any) -> None:
    async with drive() as app:
        await app.press("j", "P")
        await app.shows("Parts: it has no parts")
        await app.press("question_mark")
        await app.shows("not now: it has no parts")


async def test_filter_sort_marks_and_actions_of_a_drill(drive: Any, parts: Any) -> None:
    async with drive() as app:
        await app.press("P")
        await app.shows("part-3")
        await app.press("slash")
        await app.type("part-3")
        await app.press("enter")
        await app.gone("part-1")
        await app.shows("1/3")
        await app.press("escape")
        await app.shows("part-1")
        await app.press("o")
        await app.type("size")
        await app.press("enter", "O")
        await app.shows("SIZE", "↓size")
        await app.press("g", "space", "j", "space", "p")
        await app.until(lambda: app.world.done)
        assert app.world.done == [("parts.poke", ("part-3", "part-2"), {})]
        await app.press("escape")
        await app.gone("2 marked")
        await app.press("l")
        await app.shows("Logs · part-2", "first line")
        await app.press("escape", "q")
        await app.shows("pods-1")


async def test_a_drill_says_how_far_it_can_be_trusted(drive: Any, parts: Any) -> None:
    async with drive() as app:
        await app.press("P")
        await app.shows("● live")
        parts.fail(errors.Unreachable("fleet-1: the connection was lost"))
        await app.shows("▲ stale", "the connection was lost", "next try", "part-1")
        parts.mend()
        await app.press("r")
        await app.shows("● live")


async def test_help_palette_and_the_colon_know_the_drill(drive: Any, parts: Any) -> None:
    async with drive() as app:
        await app.press("colon")
        await app.type("fleet.parts")
        await app.press("enter")
        await app.shows("Parts · fleet-1", "part-1")
        await app.press("question_mark")
        await app.shows("Keys of the parts pane", "Poke", "Filter")
        assert "Zoom" not in app.text
        await app.press("escape", "colon")
        await app.type("parts.poke")
        await app.press("enter")
        await app.until(lambda: app.world.done)
        await app.press("colon")
        await app.type("q")
        await app.press("enter")
        await app.shows("pods-1")
        assert "parts.poke" not in {offer.word for offer in app.main.offered()}


async def test_read_only_removes_the_actions_of_a_drill(drive: Any, parts: Any) -> None:
    async with drive(read_only=True) as app:
        await app.press("P")
        await app.shows("part-1")
        await app.press("p")
        assert "parts.poke" not in {offer.word for offer in app.app.screen.offered()}
        assert not app.world.done


async def test_keys_of_a_drill_are_remapped_and_checked(drive: Any, world: Any, parts: Any) -> None:
    panes = {"fleet": world.pane("fleet")}
    assert catalogue.problems(panes, {}) == []
    assert any("'parts.logs'" in line for line in catalogue.problems(panes, {"parts.log": "f2"}))
    assert any("'parts.logs' and 'parts.poke'" in line for line in catalogue.problems(panes, {"parts.poke": "l"}))
    async with drive(settings=Settings(keys={"parts.poke": "f2", "fleet.parts": "f3"})) as app:
        await app.press("f3")
        await app.shows("part-1")
        await app.press("f2")
        await app.until(lambda: app.world.done)
        await app.press("q")
        await app.shows("pods-1")
