from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config.commands import filled, mistakes
from cockpit.config.load import ConfigError, load
from cockpit.config.settings import CommandParameter, Fleet, Host, SavedCommand, Settings
from cockpit.fleet.roster import Roster
from cockpit.model import errors
from cockpit.session.catalogue import catalogue, problems
from cockpit.session.fleet import build
from cockpit.tasks.action import Risk

RESTART = SavedCommand(
    name="restart",
    title="Restart a unit",
    command="systemctl restart {unit} --job-mode={mode}; echo ${HOME}",
    parameters={
        "unit": CommandParameter(pattern=r"[a-z@.-]+"),
        "mode": CommandParameter(default="replace"),
    },
    selection="web1",
    sudo="root",
    risk="destructive",
)


def one(command: str, **parameter: str) -> SavedCommand:
    return SavedCommand(name="a", command=command, parameters={"u": CommandParameter(**parameter)})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1))
def test_a_value_is_one_word_whatever_stands_in_it(value: str) -> None:
    assert shlex.split(filled(one("printf %s {u} end"), {"u": value})) == ["printf", "%s", value, "end"]


@pytest.mark.parametrize("value", ["$(id)", "`id`", "a; b", "'", "\\", "-rf", "a\nb", "*", "{u}", "ü", '"'])
def test_a_shell_reads_it_so_too(value: str) -> None:
    ran = subprocess.run(["sh", "-c", filled(one("printf %s {u}"), {"u": value})], capture_output=True)
    assert ran.stdout.decode() == value


def test_values_defaults_and_patterns() -> None:
    assert filled(RESTART, {"unit": "nginx"}) == "systemctl restart nginx --job-mode=replace; echo ${HOME}"
    for values, said in (
        ({}, "needs a value for unit"),
        ({"unit": ""}, "needs a value for unit"),
        ({"unit": "a b"}, "does not fit"),
        ({"unit": "nginx", "unti": "x"}, "no parameter 'unti'"),
        ({"unit": "nginx", "mode": "\0"}, "does not fit"),
    ):
        with pytest.raises(errors.Refused, match=said):
            filled(RESTART, values)


@pytest.mark.parametrize(
    ("saved", "key", "said"),
    [
        (SavedCommand(name="A b", command="x"), "name", "is no name"),
        (SavedCommand(name="a", command=" "), "command", "is empty"),
        (SavedCommand(name="a", command="x {unit}"), "command", "declare it"),
        (one("x"), "parameters", "stands nowhere"),
        (one("x {u}", pattern="("), "parameters", "no regular expression"),
        (one("x {u}", pattern="[0-9]+", default="x"), "parameters", "does not fit its pattern"),
        (one("x '{u}'"), "command", "in quotes"),
        (one('x "a {u}"'), "command", "in quotes"),
        (one("it\\'s '\\' {u} '{u}"), "command", "in quotes"),
    ],
)
def test_mistakes_are_named_with_their_key(saved: SavedCommand, key: str, said: str) -> None:
    ((place, message),) = mistakes(saved)
    assert place == key and said in message


@pytest.mark.parametrize(
    "command", ["awk '{ print $1 }' {u}", "echo ${u} {u}", 'x "$y"{u}', r"x \"{u}\"", "x --unit={u} 'quoted'"]
)
def test_braces_of_the_shell_and_places_beside_quotes_are_no_mistakes(command: str) -> None:
    assert not list(mistakes(one(command)))


def test_validate_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "cockpit.toml"
    file.write_text(
        '[[fleet.commands]]\nname = "one"\ncommand = "uptime"\n'
        '[[fleet.commands]]\nname = "one"\ncommand = "x {unit}"\ntimeout = 0\n'
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    said = str(caught.value)
    assert f"{file}:5: fleet.commands[1].name: the name 'one' is taken" in said
    assert f"{file}:6: fleet.commands[1].command: {{unit}} is not among the parameters" in said
    assert f"{file}:7: fleet.commands[1].timeout" in said
    file.write_text(
        '[[fleet.commands]]\nname = "r"\ncommand = "x {unit}"\n'
        'parameters.unit = { default = "a", pattern = "[a-z]+" }\n'
    )
    assert load(file).fleet.commands[0].parameters["unit"].pattern == "[a-z]+"


async def test_a_saved_command_is_an_action_of_the_pane() -> None:
    host = Host(name="web1", transport="local")
    settings = Settings(fleet=Fleet(hosts=[host], commands=[RESTART]))
    roster = Roster(settings.fleet)
    await roster.load()
    pane = build(settings, roster=roster)
    action = next(action for action in pane.actions if action.id == "fleet.run.restart")
    assert (action.title, action.risk, action.needs_items) == ("Restart a unit", Risk.DESTRUCTIVE, False)
    assert [field.id for field in action.inputs] == ["value-unit", "value-mode", "pattern", "password"]
    job = action.bind((), {"value-unit": "nginx", "value-mode": "", "pattern": "web1", "password": "pa55"})
    assert job.risk is Risk.DESTRUCTIVE and job.action == "fleet.run.restart"
    assert "systemctl restart nginx --job-mode=replace" in job.sentence and "by sudo as root" in job.sentence
    assert "pa55" not in repr(job)
    with pytest.raises(errors.Refused, match="needs a value for unit"):
        action.bind((), {"value-unit": "", "pattern": "web1"})
    panes = {"fleet": pane}
    assert catalogue(panes)["fleet.run.restart"] == "" and problems(panes, {"fleet.run.restart": "f9"}) == []
