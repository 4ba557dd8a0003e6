"""The panes on the screen: layout, focus, filter, sort, scope, state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cockpit.model import errors
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.state import Layout, PaneState


async def test_four_panes_are_live_side_by_side(drive: Any) -> None:
    async with drive() as app:
        await app.shows("1 Fleet  5", "2 Pods  5", "3 Metrics  2", "4 Pipelines  5", "● live")
        assert all(frame.followed for frame in app.main.frames)


async def test_narrow_shows_one_pane_with_tabs_and_follows_only_that(drive: Any) -> None:
    async with drive((80, 24)) as app:
        await app.shows("1 Fleet", "2 Pods", "3 Metrics", "4 Pipelines")
        assert [frame.NAME for frame in app.main.frames if frame.followed] == ["fleet"]
        await app.press("2")
        await app.shows("pods-1")
        assert [frame.NAME for frame in app.main.frames if frame.followed] == ["pods"]
        await app.press("tab")
        await app.shows("load")
        await app.press("shift+tab")
        await app.shows("pods-1")


async def test_growing_wide_brings_all_panes_back(drive: Any) -> None:
    async with drive((80, 24)) as app:
        await app.pilot.resize_terminal(160, 45)
        await app.shows("fleet-1", "pods-1", "pipelines-1")


async def test_zoom_and_back(drive: Any) -> None:
    async with drive() as app:
        await app.press("2", "plus")
        await app.gone("fleet-1")
        assert [frame.NAME for frame in app.main.frames if frame.followed] == ["pods"]
        await app.press("escape")
        await app.shows("fleet-1", "pods-1")


async def test_filter_is_live_and_says_what_is_wrong(drive: Any) -> None:
    async with drive() as app:
        await app.press("slash")
        await app.type("fleet-3")
        await app.shows("1/5", "/fleet-3")
        await app.gone("fleet-1")
        assert app.frame("pods").counts() == "5"
        for _ in "fleet-3":
            await app.press("backspace")
        await app.type("/fleet-[/")
        await app.shows("regular expression")
        await app.press("escape")
        await app.shows("fleet-1", "fleet-5")
        await app.press("slash")
        await app.type("!fleet-1")
        await app.press("enter")
        await app.shows("4/5")
        await app.press("escape")
        await app.shows("fleet-1")


async def test_a_filter_opened_again_is_replaced_by_typing(drive: Any) -> None:
    async with drive() as app:
        await app.press("slash", "2", "enter")
        await app.shows("1/5", "/2")
        await app.press("slash", "3", "enter")
        await app.shows("1/5", "/3", "fleet-3")
        await app.press("slash", "right", "9", "enter")
        await app.shows("0/5", "/39")


async def test_marks_that_a_filter_hides_are_counted(drive: Any) -> None:
    async with drive() as app:
        await app.press("space", "j", "space")
        await app.shows("* 2 marked")
        await app.press("slash", "2", "enter")
        await app.shows("* 2 marked, 1 hidden")


async def test_notes_are_no_warnings(drive: Any, world: Any, monkeypatch: Any) -> None:
    pane = world.pane
    monkeypatch.setattr(world, "pane", lambda name: replace(pane(name), notes=lambda: [f"{name} is read-only today"]))
    async with drive() as app:
        await app.shows("pods is read-only today")
        assert GLYPHS[Tone.WARN] not in next(line for line in app.text.splitlines() if "is read-only today" in line)


async def test_many_notes_are_counted(drive: Any, world: Any, monkeypatch: Any) -> None:
    pane = world.pane
    monkeypatch.setattr(world, "pane", lambda name: replace(pane(name), notes=lambda: list("abcde")))
    async with drive() as app:
        await app.shows("a · b · c", "+2 more")
        await app.gone("a · b · c · d")


async def test_sort_by_command_and_reverse(drive: Any) -> None:
    async with drive() as app:
        await app.press("o")
        await app.type("siz")
        await app.press("tab", "enter")
        await app.shows("↑size")
        await app.press("O")
        await app.shows("↓size")
        assert app.frame("fleet").listing.key_at(0) == "demo/fleet5"


async def test_rows_come_and_go(drive: Any, world: Any, thing: Any) -> None:
    async with drive() as app:
        world.sources["fleet"].put(thing("demo/new", "newcomer"))
        await app.shows("newcomer", "1 Fleet  6")
        world.sources["fleet"].drop("demo/new")
        await app.gone("newcomer")


async def test_a_cut_source_is_stale_and_keeps_its_rows(drive: Any, world: Any) -> None:
    async with drive() as app:
        world.sources["pods"].fail(errors.Unreachable("connection refused"))
        await app.shows("▲ stale", "connection refused", "next try", "pods-1")
        world.sources["pods"].mend()
        await app.press("r")
        await app.gone("connection refused")


async def test_a_defect_in_an_adapter_ends_nothing(drive: Any, world: Any) -> None:
    async with drive() as app:
        world.sources["pods"].fail(ZeroDivisionError("oops"))
        await app.shows("defect in cockpit", "fleet-1")


async def test_unconfigured_says_what_to_write(drive: Any, world: Any) -> None:
    world.configured = False
    async with drive(ready="write [[fleet]]") as app:
        await app.shows("○ unconfigured", "write [[pods]]", "write [[metrics]]")


async def test_scope_narrows_all_panes_until_escape_twice(drive: Any, world: Any, thing: Any) -> None:
    world.sources["pods"].items["x"] = thing("x", "fleet-2-worker")
    async with drive() as app:
        await app.press("j", "asterisk")
        await app.shows("* fleet-2", "fleet-2-worker")
        await app.gone("fleet-1", "pods-1", "pipelines-1")
        await app.press("escape")
        await app.shows("again clears the scope")
        await app.press("escape")
        await app.shows("fleet-1", "pods-1")


async def test_production_wears_its_badge(drive: Any, world: Any, thing: Any) -> None:
    world.sources["pods"].items["p"] = thing("p", "precious", production=True)
    async with drive() as app:
        await app.shows("PROD", "┏━")
        assert app.frame("pods").has_class("-production")
        assert not app.frame("fleet").has_class("-production")


async def test_header_says_what_fires(drive: Any, world: Any) -> None:
    from cockpit.alerts.alert import Alert

    labels = (("alertname", "Down"), ("severity", "critical"))
    async with drive() as app:
        await app.shows("nothing fires")
        world.alerts.put(Alert("prom", "Down", "critical", "firing", labels, (), 1_800_000_000.0 - 7200, "1"))
        await app.shows("1 firing · critical · oldest 120m")
        await app.press("A")
        await app.shows("Alerts 1", "Down")
        await app.press("A")
        await app.shows("fleet-1")


async def test_what_changed_lists_moments_and_own_tasks(drive: Any) -> None:
    async with drive() as app:
        await app.press("p")
        await app.until(lambda: app.world.done)
        await app.press("H")
        await app.shows("restarted", "pods-1", "fleet.poke of fleet-1", "60s ago")
        await app.press("escape")
        await app.shows("fleet-1")


async def test_the_layout_comes_back(drive: Any) -> None:
    async with drive() as app:
        await app.press("2", "slash")
        await app.type("pods-2")
        await app.press("enter", "O", "plus")
        await app.shows("↓name", "1/5")
        left = app.app.layout_now()
    async with drive(layout=left, ready="pods-2") as app:
        await app.shows("/pods-2", "↓name")
        await app.gone("fleet-1", "pods-1")


async def test_a_layout_of_things_that_are_gone_is_harmless(drive: Any) -> None:
    odd = Layout(current="nothing", panes={"fleet": PaneState(sort="gone", filter="/(/")})
    async with drive(layout=odd) as app:
        await app.shows("1 Fleet  5")


async def test_hostile_names_are_drawn_harmlessly(drive: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["h"] = thing("h", "a\x1b]52;c;aGFja2Vk\x07[red]b")
    async with drive() as app:
        await app.shows("a␛]52;c;aGFja2Vk␇[red]b")
        await app.press("asterisk")
        await app.shows("␛]52")
        assert "\x1b" not in app.text


async def test_a_view_over_the_panes_ends_their_following(drive: Any) -> None:
    async with drive() as app:
        await app.press("l")
        await app.shows("first line")
        await app.until(lambda: not any(frame.followed for frame in app.main.frames))
        app.world.sources["fleet"].drop("demo/fleet1")
        await app.press("escape")
        await app.until(lambda: all(frame.followed for frame in app.main.frames))
        await app.gone("fleet-1")


async def test_a_dialog_does_not(drive: Any, world: Any, thing: Any) -> None:
    async with drive() as app:
        await app.press("R")
        await app.shows("Disruptive")
        world.sources["pipelines"].put(thing("demo/new", "newcomer"))
        await app.until(lambda: app.frame("pipelines").counts() == "6")


async def test_a_bell_when_a_pane_goes_stale(drive: Any, world: Any, monkeypatch: Any) -> None:
    async with drive() as app:
        rings: list[int] = []
        monkeypatch.setattr(app.app, "bell", lambda: rings.append(1))
        world.sources["pods"].fail(errors.Unreachable("gone"))
        await app.shows("▲ stale")
        await app.until(lambda: rings == [1])


async def test_a_session_that_cannot_be_opened_is_said(drive: Any, world: Any, monkeypatch: Any) -> None:
    def broken(name: str) -> Any:
        raise ZeroDivisionError("no panes today")

    monkeypatch.setattr(world, "pane", broken)
    async with drive(ready="no panes today", adopted=False) as app:
        await app.shows("◐ loading")


async def test_defects_of_a_domain_end_nothing(drive: Any, world: Any, thing: Any, monkeypatch: Any) -> None:
    """A column, a search and a reason that raise: the pane keeps what it had, everything else goes on."""
    async with drive() as app:
        frame = app.frame("fleet")

        def bad(*_: Any) -> Any:
            raise ZeroDivisionError("oops")

        monkeypatch.setattr(frame, "draw", bad)
        app.main._tick()
        world.sources["fleet"].put(thing("demo/new", "newcomer"))
        frame.pane.feed.retry()
        monkeypatch.setattr("cockpit.tui.commands.why_not", bad)
        await app.press("question_mark")
        await app.shows("not now: defect in cockpit")
        await app.press("escape", "2", "p")
        await app.until(lambda: world.done)
