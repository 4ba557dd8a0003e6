"""`cockpit config`: make, show and check the configuration."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cockpit.cli.setup import Setup

if TYPE_CHECKING:
    from cockpit.config.problems import Problem
    from cockpit.config.settings import Settings


@click.group("config", short_help="Make, show and check the configuration.")
def command() -> None:
    """Make, show and check the configuration.

    It is the file of --config, else of $COCKPIT_CONFIG, else config.toml in the XDG place. Every key that is one value
    and stands in no list has a variable that wins over it: ui.theme is COCKPIT_UI__THEME.
    """


def _setup() -> Setup:
    setup: Setup = click.get_current_context().find_root().obj
    return setup


def _wanted(setup: Setup) -> Path:
    """The file that is meant, there or not."""
    from cockpit.config.places import config_file

    return setup.path or config_file()


@command.command("path")
def path_command() -> None:
    """Print where the configuration is, or would be."""
    click.echo(str(_wanted(_setup())))


@command.command("init")
@click.option("--force", is_flag=True, help="Replace the file that is there.")
def init_command(force: bool) -> None:
    """Write a configuration with what is found on this machine, and all tables as comments."""
    from cockpit.config.render import toml
    from cockpit.config.template import EXAMPLES, HEADER
    from cockpit.pipelines.discover import remote
    from cockpit.session import discover

    path = _wanted(_setup())
    found = discover.quick()
    repository = remote()
    hint = f"\n# The git remote of the folder this was made in: {repository}\n" if repository else ""
    text = f"{HEADER}\n{toml(found, whole=False)}{hint}{EXAMPLES}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text, force=force)
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already; --force replaces it") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from error
    click.echo(f"wrote {path}; next: cockpit config validate, then cockpit doctor")


def _write(path: Path, text: str, *, force: bool) -> None:
    """As a whole or not at all, readable by this user alone; an existing file is never touched without `force`."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if force:
            os.replace(name, path)
            return
        os.link(name, path)
    except BaseException:
        os.unlink(name)
        raise
    os.unlink(name)


@command.command("show")
@click.option("--changed", is_flag=True, help="Leave out the keys at their default.")
def show_command(changed: bool) -> None:
    """Print the configuration as it is used: with the variables, and with what was found when there is no file."""
    from cockpit.config.render import toml

    setup = _setup()
    settings = setup.settings_with_network()
    click.echo(f"# {setup.path}" if setup.path is not None else "# no file: what was found on this machine")
    click.echo(toml(settings, whole=not changed), nl=False)


@command.command("validate")
def validate_command() -> None:
    """Check the shape: keys, types, names, urls, selections and key bindings. Exit code 2, a line for each problem.

    Whether the sources answer is for: cockpit doctor
    """
    from cockpit.config.load import ConfigError, Source
    from cockpit.config.problems import Problem
    from cockpit.session.catalogue import problems
    from cockpit.session.panes import build_panes

    setup = _setup()
    if setup.path is None:
        click.echo(f"{_wanted(setup)}: there is no such file; make one with: cockpit config init", err=True)
        sys.exit(2)
    settings = setup.settings()
    keys = problems(build_panes(settings), settings.keys)
    found = [Problem(_named_key(text, settings.keys), text.removeprefix("keys: ")) for text in keys]
    found += _selections(settings)
    if found:
        source = Source(setup.path)
        source.read()
        raise ConfigError("\n".join([source.where(problem) for problem in found]))
    click.echo(f"{setup.path}: ok")


def _selections(settings: Settings) -> list[Problem]:
    """Those that cannot be read; what they name is not looked up."""
    from cockpit.config.problems import Problem
    from cockpit.fleet.selection import parse
    from cockpit.model import errors

    try:
        if settings.fleet.production_hosts:
            parse(settings.fleet.production_hosts)
    except errors.Refused as error:
        return [Problem(("fleet", "production_hosts"), str(error))]
    return []


def _named_key(text: str, keys: dict[str, str]) -> tuple[str | int, ...]:
    """The entry of `[keys]` that a problem speaks of."""
    named = [entry for entry in keys if repr(entry) in text]
    return ("keys", *named[:1])


@command.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of the file."""
    import msgspec

    from cockpit.config.load import variables
    from cockpit.config.settings import Settings

    schema = msgspec.json.schema(Settings)
    schema["title"] = "The configuration of cockpit (TOML)"
    schema["$comment"] = "Variables that win over the file: " + ", ".join([name for name, _ in variables()])
    click.echo(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode())
