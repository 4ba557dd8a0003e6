"""`cockpit fleet exec`: a command on many hosts, by a plan."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.fleet import complete
from cockpit.cli.say import refuse

if TYPE_CHECKING:
    from cockpit.config.settings import SavedCommand, Settings
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.run.order import Order

_SECONDS = click.FloatRange(0, min_open=True)


class _Command(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--sudo web1` must not take the host for the user: a user is written with a `=`."""
        own = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, ["--sudo=root" if a == "--sudo" else a for a in args[:own]] + args[own:])


@click.command("exec", cls=_Command)
@click.argument("selection", default="", shell_complete=complete.selection)
@click.argument("words", nargs=-1, metavar="-- COMMAND...")
@click.option("--saved", metavar="NAME", help="A command of the configuration, instead of COMMAND.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="A value of the saved command; repeatable.")
@click.option("--timeout", type=_SECONDS, help="Seconds for the command on each host: 60, or as it is saved.")
@click.option("--connect-timeout", type=_SECONDS, help="Seconds for the way to each host.")
@click.option("--canary", type=click.IntRange(0), default=0, help="So many hosts first; the rest if they succeed.")
@click.option("--wave", default="", metavar="N|P%", help="Hosts at a time after that: 20, or 25% of the run.")
@click.option("--max-failures", default="", metavar="N|P%|P%/wave", help="More stop the run: 3, 10%, 10%/wave.")
@click.option("--max-unreachable", default="", metavar="N|P%|P%/wave", help="The same for hosts not reached.")
@click.option("--forks", type=click.IntRange(1, 1000), default=100, show_default=True, help="Hosts at the same time.")
@click.option("--sudo", default="", metavar="[=USER]", help="Run it by sudo, as root or as --sudo=USER.")
@click.option(
    "--sudo-password-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its first line is the password; else it is asked for on the terminal.",
)
@click.option("--idempotent", is_flag=True, help="Once more where the connection is lost in the middle.")
@click.option("--yes", type=int, metavar="COUNT", help="How many hosts it is meant for; needed in production.")
@click.option("--dry-run", is_flag=True, help="Say what would be run where, and connect to nothing.")
@click.option("--fold", is_flag=True, help="Print identical outputs once, at the end, the odd ones first.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Write it all there: .json, .md, or else text."
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    selection: str,
    words: tuple[str, ...],
    saved: str | None,
    values: tuple[str, ...],
    yes: int | None,
    dry_run: bool,
    fold: bool,
    format_: str,
    save: Path | None,
    sudo_password_file: Path | None,
    **asked: Any,
) -> None:
    """Run a command on the hosts of SELECTION. The words are joined by spaces and run by each login shell, as ssh does.

    SELECTION may be left out where a saved command names its hosts.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted and nothing runs there any more; a second interrupt leaves at once.
    """
    from cockpit.cli.fleet.running import Choices, carry_out
    from cockpit.config.commands import filled
    from cockpit.fleet.run.order import TIMEOUT_SECONDS
    from cockpit.model import errors
    from cockpit.tasks.action import Risk

    settings: Settings = ctx.find_root().obj.settings()
    try:
        kept = _kept(settings, saved, values, words)
        line = " ".join(words) if kept is None else filled(kept, dict(map(_value, values)))
        selection = selection or (kept.selection if kept is not None else "")
    except errors.Refused as error:
        refuse([str(error)])
    choices = Choices(
        yes=yes,
        dry_run=dry_run,
        fold=fold,
        format_=format_,
        save=save,
        sudo_password_file=sudo_password_file,
        risk=Risk(kept.risk) if kept is not None else Risk.DISRUPTIVE,
    )
    asked["timeout"] = asked["timeout"] or (kept.timeout if kept is not None else TIMEOUT_SECONDS)
    asked["sudo"] = asked["sudo"] or (kept.sudo if kept is not None else "")
    carry_out(ctx, selection, partial(_order, line, selection, asked), choices)


def _kept(
    settings: Settings, saved: str | None, values: tuple[str, ...], words: tuple[str, ...]
) -> SavedCommand | None:
    """The saved command that is meant. Raises errors.Refused."""
    from cockpit.model import errors

    if saved is None:
        if values:
            raise errors.Refused("--set is for --saved NAME")
        return None
    if words:
        raise errors.Refused("--saved NAME stands for the command; leave out what comes after --")
    names = [command.name for command in settings.fleet.commands]
    if saved not in names:
        known = ", ".join(names) or "none; write [[fleet.commands]]"
        raise errors.Refused(f"there is no saved command {saved!r}; there are: {known}")
    return settings.fleet.commands[names.index(saved)]


def _value(text: str) -> tuple[str, str]:
    from cockpit.model import errors

    name, equals, value = text.partition("=")
    if not equals:
        raise errors.Refused(f"--set {text}: write NAME=VALUE")
    return name, value


def _order(line: str, selection: str, asked: dict[str, Any], machines: tuple[Machine, ...]) -> Order:
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.plan import Plan

    plan = {name: asked[name] for name in ("canary", "wave", "max_failures", "max_unreachable", "forks")}
    return Order(
        machines=machines,
        command=line,
        plan=Plan(**plan),
        timeout_seconds=asked["timeout"],
        connect_seconds=asked["connect_timeout"],
        sudo=asked["sudo"],
        idempotent=asked["idempotent"],
        selection=selection,
    )
