"""Keys from the catalogue: bound, remapped, listed, typed after a colon, found in the palette."""

from __future__ import annotations

from typing import Any

import pytest
from textual import events

from cockpit.config.settings import Settings, Ui
from cockpit.session import catalogue
from cockpit.tui.widgets.line_view import LineView
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.widgets.metric_grid import MetricGrid


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("/", "slash"), ("slash", "slash"), ("+", "plus"), ("ctrl+p", "ctrl+p"), ("ctrl++", "ctrl+plus"),
        ("esc", "escape"), ("_", "underscore"),
        ("G", "G"), ("F5", "f5"), ("shift+tab", "shift+tab"), ("?", "question_mark"), ("*", "asterisk"),
    ],
)  # fmt: skip
def test_a_key_has_one_name(text: str, name: str) -> None:
    assert catalogue.key_name(text) == name


@pytest.mark.parametrize("text", ["nonsense", "hyper+x", "ctrl+", ""])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(catalogue.BadKey):
        catalogue.key_name(text)


@pytest.mark.parametrize(("widget", "place"), [(LiveTable, "table"), (LineView, "lines"), (MetricGrid, "grid")])
def test_the_widgets_own_bindings_are_in_the_catalogue(widget: Any, place: str) -> None:
    known = {command.id: command for command in catalogue.COMMANDS}
    for binding in widget.BINDINGS:
        assert binding.id in known, binding
        assert catalogue.key_names(known[binding.id].keys) == catalogue.key_names(binding.key)
        assert known[binding.id].place == place


def test_no_clash_by_default_in_the_real_panes() -> None:
    from cockpit.session.panes import build_panes

    assert catalogue.problems(build_panes(Settings()), {}) == []


def test_every_command_has_its_own_id() -> None:
    from cockpit.session.panes import build_panes

    ids = [command.id for command in catalogue.commands(build_panes(Settings()))]
    assert len(ids) == len(set(ids))


def test_what_is_wrong_with_the_users_keys(world: Any) -> None:
    panes = {"fleet": world.pane("fleet")}
    said = catalogue.problems(panes, {"fleet.lgs": "l", "app.zoom": "hyper+z", "fleet.logs": "y", "app.help": "j"})
    assert any("'fleet.lgs'" in line and "'fleet.logs'" in line for line in said)
    assert any("'hyper+z'" in line for line in said)
    assert any("'fleet.logs' and 'fleet.yaml'" in line for line in said)
    assert any("'app.help' and 'table.down'" in line for line in said)


async def test_remapped_keys_work_everywhere(drive: Any) -> None:
    settings = Settings(keys={"fleet.poke": "f2", "app.zoom": "z", "table.down": "ctrl+n", "lines.close": "f3"})
    async with drive(settings=settings) as app:
        await app.press("ctrl+n", "f2")
        await app.until(lambda: app.world.done)
        assert app.world.done[0][1] == ("fleet-2",)
        await app.press("p", "z")
        await app.gone("pods-1")
        assert len(app.world.done) == 1
        await app.press("z", "l")
        await app.shows("first line")
        await app.press("f3")
        await app.shows("pods-1")


async def test_a_clash_is_reported_at_the_start(drive: Any) -> None:
    async with drive(settings=Settings(keys={"app.zoom": "l"})) as app:
        await app.shows("is bound to both")


async def test_help_lists_the_pane_and_the_rest(drive: Any) -> None:
    async with drive() as app:
        await app.press("question_mark")
        await app.shows("Keys of the fleet pane", "Restart", "Everywhere", "Next pane")
        await app.press("escape")
        await app.press("3", "question_mark")
        await app.shows("Keys of the metrics pane", "Explore")


@pytest.mark.parametrize("typed", ["fleet.poke", "poke"])
async def test_a_command_runs_an_action(drive: Any, typed: str) -> None:
    async with drive() as app:
        await app.press("colon")
        await app.type(typed)
        await app.press("enter")
        await app.until(lambda: app.world.done)


async def test_commands_complete_and_complain(drive: Any) -> None:
    async with drive() as app:
        await app.press("colon")
        await app.shows("fleet.poke", "Past runs")
        await app.type("nosuch")
        await app.press("enter")
        await app.shows("no command 'nosuch'")
        for _ in "nosuch":
            await app.press("backspace")
        await app.type("po")
        await app.shows("Go to the pods pane")
        await app.type("ds")
        await app.press("enter")
        await app.until(lambda: app.main.current.NAME == "pods")
        await app.press("colon")
        await app.type("scope fleet-2")
        await app.press("enter")
        await app.shows("* fleet-2")


async def test_theme_command_completes_names_and_changes_the_theme(drive: Any) -> None:
    async with drive() as app:
        await app.press("colon")
        await app.type("theme hi")
        await app.shows("theme high-contrast")
        await app.press("tab", "enter")
        await app.until(lambda: app.app.theme == "high-contrast")
        await app.press("colon")
        await app.type("theme nothing")
        await app.press("enter")
        await app.shows("no theme 'nothing'")


@pytest.mark.parametrize("name", ["ansi", "cockpit-dark", "cockpit-light", "high-contrast"])
async def test_every_theme_draws_every_kind_of_screen(drive: Any, name: str) -> None:
    async with drive() as app:
        assert app.app.use_theme(name) is None
        for key, shown in (("D", "Destructive"), ("l", "first line"), ("t", "Tasks"), ("ctrl+p", "fleet.logs")):
            await app.press(key)
            await app.shows(shown)
            await app.press("escape")
            await app.shows("pods-1")
    async with drive(settings=Settings(ui=Ui(theme=name))) as app:
        assert app.app.theme == name


async def test_the_palette_finds_by_any_word(drive: Any) -> None:
    async with drive() as app:
        await app.press("ctrl+p")
        await app.type("last hour")
        await app.press("enter")
        await app.shows("Changed in the last hour")
        await app.press("escape")
        await app.press("ctrl+p")
        await app.type("poke")
        await app.press("enter")
        await app.until(lambda: app.world.done)


async def test_palette_and_colon_offer_the_same(drive: Any) -> None:
    async with drive() as app:
        offered = {offer.word for offer in app.main.offered()}
        for pane_command in ("fleet.logs", "fleet.yaml", "fleet.poke", "fleet.restart", "fleet.drop"):
            assert pane_command in offered
        assert {"fleet", "pods", "metrics", "pipelines", "sort", "theme", "quit", "scope", "history"} <= offered


async def test_a_click_chooses_pane_row_and_sort(drive: Any) -> None:
    async with drive() as app:
        lines = app.text.splitlines()
        y = next(y for y, line in enumerate(lines) if "pods-3" in line)
        await app.pilot.click(offset=(lines[y].index("pods-3"), y))
        await app.until(lambda: app.main.current.NAME == "pods" and app.main.current.current().name == "pods-3")
        y = next(y for y, line in enumerate(lines) if "SIZE" in line)
        await app.pilot.click(offset=(lines[y].rindex("SIZE"), y))
        await app.shows("↑size")


async def test_tabs_are_clicked(drive: Any) -> None:
    async with drive((80, 24)) as app:
        lines = app.text.splitlines()
        y = next(y for y, line in enumerate(lines) if "3 Metrics" in line)
        await app.pilot.click(offset=(lines[y].index("Metrics"), y))
        await app.shows("load")


async def test_the_theme_of_the_settings_is_used(drive: Any) -> None:
    async with drive(settings=Settings(ui=Ui(theme="cockpit-light"))) as app:
        assert app.app.theme == "cockpit-light"


async def test_a_theme_that_is_not_there_is_said(drive: Any) -> None:
    async with drive(settings=Settings(ui=Ui(theme="nowhere"))) as app:
        await app.shows("no theme 'nowhere'")


async def test_a_key_right_after_the_pane_is_for_that_pane(drive: Any) -> None:
    async with drive() as app:
        for key in ("2", "p"):
            app.app.post_message(events.Key(key, key))
        await app.until(lambda: app.world.done)
        assert app.world.done[0][:2] == ("pods.poke", ("pods-1",))
