"""A click group that imports only the subcommand that runs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import click

from cockpit.cli.setup import Setup


class LazyGroup(click.Group):
    """Subcommands are `<package>.<name>.command`. Their one-line help stands here, so `--help` imports none."""

    def __init__(
        self, *args: object, subcommands: Mapping[str, str], package: str = "cockpit.cli", **kwargs: object
    ) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._subcommands = subcommands
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._subcommands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._subcommands:
            return None
        command: click.Command = importlib.import_module(f"{self._package}.{cmd_name.replace('-', '_')}").command
        _take_shared_options(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self._subcommands, 1, 0.5)
            if near:
                raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._subcommands.items()))


def _take_shared_options(command: click.Command) -> None:
    """`--config` and `--debug` may stand before or after the subcommand."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _take_shared_options(inner)
    taken = {option for parameter in command.params for option in parameter.opts}
    for option in (_config_option(), _debug_option()):
        if not taken.intersection(option.opts):
            command.params.append(option)


def _config_option() -> click.Option:
    def remember(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            ctx.find_root().ensure_object(Setup).config = value

    return click.Option(
        ["--config"],
        type=click.Path(dir_okay=False, path_type=Path),
        expose_value=False,
        callback=remember,
        help="Read this file.",
    )


def _debug_option() -> click.Option:
    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from cockpit.config import logs

            ctx.find_root().obj.debug = True
            logs.begin(debug=True)

    return click.Option(
        ["--debug"], is_flag=True, expose_value=False, callback=remember, help="Log everything to the state folder."
    )
