"""Views, actions, dialogs, tasks, quitting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.widgets import Button, Input

from cockpit.config.settings import Settings, Ui
from cockpit.model.errors import Refused
from cockpit.tasks.action import Input as Asked
from cockpit.tasks.action import Job
from cockpit.tui.screens.ask import AskScreen


async def test_safe_actions_run_at_once_on_the_marked_rows(drive: Any) -> None:
    async with drive() as app:
        await app.press("space", "j", "space", "p")
        await app.until(lambda: app.world.done)
        assert app.world.done == [("fleet.poke", ("fleet-1", "fleet-2"), {})]
        await app.shows("fleet.poke of fleet-1, fleet-2: succeeded")


async def test_disruptive_names_its_targets_and_defaults_to_cancel(drive: Any) -> None:
    async with drive() as app:
        await app.press("space", "j", "j", "space", "R")
        await app.shows("Disruptive", "fleet.restart of fleet-1, fleet-3", "2 targets")
        assert app.app.focused.id == "cancel"
        await app.press("enter")
        await app.gone("Disruptive")
        assert not app.world.done
        await app.press("R")
        await app.shows("Disruptive")
        await app.press("right", "enter")
        await app.until(lambda: app.world.done)
        assert app.world.done[0][1] == ("fleet-1", "fleet-3")


async def test_escape_cancels_destruction(drive: Any) -> None:
    async with drive() as app:
        await app.press("D")
        await app.shows("Destructive", "does not come back")
        await app.press("escape")
        await app.gone("Destructive")
        assert not app.world.done


async def test_production_needs_the_name_typed(drive: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["p"] = thing("p", "aaa-precious", production=True)
    async with drive() as app:
        await app.press("R")
        await app.shows("in PRODUCTION", "Type the name to confirm: aaa-precious")
        await app.type("aaa")
        await app.press("enter")
        await app.shows("that is not the name")
        assert app.app.screen.query_one("#do", Button).disabled
        await app.type("-precious")
        await app.press("enter")
        await app.until(lambda: app.world.done)


async def test_production_of_several_needs_the_count(drive: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["p"] = thing("p", "aaa-precious", production=True)
    async with drive() as app:
        await app.press("space", "j", "space", "R")
        await app.shows("Type the count to confirm: 2")
        await app.type("2")
        await app.press("enter")
        await app.until(lambda: app.world.done)


async def test_targets_are_those_that_were_confirmed(drive: Any, world: Any, thing: Any) -> None:
    async with drive() as app:
        await app.press("R")
        await app.shows("fleet.restart of fleet-1")
        world.sources["fleet"].put(thing("demo/a", "a-new-first"))
        world.sources["fleet"].drop("demo/fleet1")
        await app.shows("a-new-first")
        await app.press("right", "enter")
        await app.until(lambda: app.world.done)
        assert app.world.done[0][1] == ("fleet-1",)


async def test_disabled_says_why(drive: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["d"] = thing("d", "aaa-down", state="down")
    async with drive() as app:
        await app.press("D")
        await app.shows("Drop: it is down")
        await app.press("y")
        await app.shows("YAML: it is down")
        await app.press("question_mark")
        await app.shows("Keys of the fleet pane", "not now: it is down")


async def test_inputs_are_asked_checked_and_mended_in_place(drive: Any) -> None:
    async with drive() as app:
        await app.press("S")
        await app.shows("Scale", "Replicas", "Reason", "fleet-1")
        await app.press("enter")
        await app.shows("Replicas is needed")
        await app.type("many")
        await app.press("enter")
        await app.shows("'many' is not a number")
        app.app.screen.query(Input).first().focus()
        for _ in "many":
            await app.press("backspace")
        await app.type("3")
        await app.press("tab")
        await app.type("more load")
        await app.press("enter")
        await app.shows("Disruptive")
        await app.press("right", "enter")
        await app.until(lambda: app.world.done)
        assert app.world.done[0][2] == {"count": "3", "why": "more load"}
        await app.shows("fleet.scale says 3", "succeeded")
        await app.press("escape")
        await app.shows("pods-1")


async def test_what_a_default_covers_is_said_and_typing_replaces_it(drive: Any) -> None:
    asked = (Asked("local", "Folder here", "one"), Asked("how", "How", "compare", "compare: only say; copy"))
    made: list[Mapping[str, str]] = []

    def bind(values: Mapping[str, str]) -> Job:
        made.append(values)
        raise Refused("not today")

    async with drive() as app:
        await app.app.push_screen(AskScreen("Sync", "", asked, bind))
        await app.shows("Folder here", "How")
        assert "only say" not in app.text
        await app.type("two")
        await app.press("tab")
        await app.shows("compare: only say; copy")
        await app.press(*"copy")
        await app.press("enter")
        await app.shows("not today")
        assert made == [{"local": "onetwo", "how": "copy"}]


async def test_one_at_a_time(drive: Any) -> None:
    async with drive() as app:
        await app.press("space", "j", "space", "S")
        await app.shows("one at a time; 2 rows are marked")


async def test_read_only_removes_every_action(drive: Any) -> None:
    async with drive(read_only=True) as app:
        await app.shows("read-only")
        await app.press("R", "D", "S", "p")
        assert app.app.screen is app.main and not app.world.done
        assert {"fleet.restart", "fleet.poke"}.isdisjoint(offer.word for offer in app.main.offered())
        await app.press("question_mark")
        await app.shows("Logs")
        assert "Restart" not in app.text and "Poke" not in app.text


async def test_read_only_of_the_source_refuses_its_rows(drive: Any, world: Any, thing: Any) -> None:
    world.sources["fleet"].items["r"] = thing("r", "aaa-locked", read_only=True)
    async with drive() as app:
        await app.press("R")
        await app.shows("Restart: aaa-locked is read-only")
        await app.press("p")
        await app.shows("Poke: aaa-locked is read-only")


async def test_enter_opens_the_first_view_and_leaving_ends_its_stream(drive: Any) -> None:
    async with drive() as app:
        await app.press("enter")
        await app.shows("Logs · fleet-1", "first line", "␛]52;c;aGFja2Vk␇ hostile", "[red]third[/red]", "● open")
        await app.press("slash")
        await app.type("third")
        await app.press("enter")
        await app.shows("/third")
        await app.press("escape")
        await app.shows("pods-1")
        await app.until(lambda: app.world.closed == ["fleet-1"])


async def test_an_error_of_a_view_is_said_in_it(drive: Any) -> None:
    async with drive() as app:
        await app.press("G", "l")
        await app.shows("✗ no permission; ask your admin", "first line")
        await app.press("q")
        await app.shows("pods-1")


async def test_the_drawer_shows_output_and_cancels(drive: Any) -> None:
    async with drive() as app:
        app.world.hold.clear()
        await app.press("L")
        await app.shows("1 task running")
        await app.press("t")
        await app.shows("Tasks 1", "running", "fleet.long of fleet-1")
        await app.press("enter")
        await app.shows("fleet.long says hello", "following")
        await app.press("x")
        await app.shows("Cancel this task?")
        await app.press("right", "enter")
        await app.shows("○ cancelled")
        await app.gone("following")
        await app.press("escape")
        await app.shows("Tasks 1")
        await app.press("t")
        await app.shows("pods-1")
        await app.gone("task running")


async def test_quit_asks_while_a_task_runs(drive: Any) -> None:
    async with drive() as app:
        app.world.hold.clear()
        await app.press("L")
        await app.shows("1 task running")
        await app.press("q")
        await app.shows("Leave and stop 1 running task?", "fleet.long of fleet-1")
        await app.press("enter")
        await app.gone("Leave and stop")
        await app.press("q")
        await app.shows("Leave and stop")
        await app.press("right", "enter")
        await app.until(lambda: app.app._leaving is not None and app.app._leaving.done())
        assert app.world.done == []


async def test_quit_at_once_without_tasks(drive: Any) -> None:
    async with drive() as app:
        await app.press("q")
        await app.until(lambda: app.app._leaving is not None and app.app._leaving.done())


async def test_a_bell_when_a_task_ends(drive: Any, monkeypatch: Any) -> None:
    async with drive() as app:
        rings: list[int] = []
        monkeypatch.setattr(app.app, "bell", lambda: rings.append(1))
        await app.press("p")
        await app.until(lambda: rings)


async def test_osc9_and_off(drive: Any, monkeypatch: Any) -> None:
    from cockpit.tui.terminal import raw

    sent: list[str] = []
    monkeypatch.setattr(raw, "send", lambda app, sequence: sent.append(sequence))
    async with drive(settings=Settings(ui=Ui(notify="osc9"))) as app:
        await app.press("p")
        await app.until(lambda: any(s.startswith("\x1b]9;cockpit: fleet.poke") for s in sent))
    sent.clear()
    async with drive(settings=Settings(ui=Ui(notify="off"))) as app:
        await app.press("p")
        await app.shows("succeeded")
        assert not sent


async def test_copy_sends_the_row_to_the_terminal(drive: Any, monkeypatch: Any) -> None:
    import base64

    from cockpit.tui.terminal import raw

    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("STY", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    sent: list[str] = []
    monkeypatch.setattr(raw, "send", lambda app, sequence: sent.append(sequence))
    async with drive() as app:
        await app.press("c")
        await app.until(lambda: sent)
        payload = sent[0].removeprefix("\x1b]52;c;").removesuffix("\x07")
        assert base64.b64decode(payload).decode() == "fleet-1\tup\t1\tdemo/fleet1"


async def test_explore_shows_the_place_of_a_parse_error(drive: Any) -> None:
    async with drive() as app:
        await app.press("3", "e")
        await app.shows("Explore demo", "sum(rate(x[5m]))", "1 series")
        await app.press("backspace")
        await app.shows("✗ unclosed left parenthesis", "^")
        lines = app.text.splitlines()
        at = next(y for y, line in enumerate(lines) if "unclosed" in line)
        assert lines[at - 1].index("^") == lines[at - 2].index("(")
        await app.type(")")
        await app.shows("1 series")
        await app.gone("unclosed")
        assert sum("█" in line for line in app.text.splitlines()) >= 6  # the chart takes the height
        await app.press("escape")
        await app.shows("pods-1")
