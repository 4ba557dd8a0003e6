"""`cockpit fleet exec`: a command on many hosts, by a plan."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.run.order import Order

_SECONDS = click.FloatRange(0, min_open=True)


class _Command(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`--sudo web1` must not take the host for the user: a user is written with a `=`."""
        own = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, ["--sudo=root" if a == "--sudo" else a for a in args[:own]] + args[own:])


@click.command("exec", cls=_Command)
@click.argument("selection")
@click.argument("words", nargs=-1, metavar="-- COMMAND...")
@click.option("--timeout", type=_SECONDS, default=60.0, show_default=True, help="Seconds for the command on each host.")
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
    yes: int | None,
    dry_run: bool,
    fold: bool,
    format_: str,
    save: Path | None,
    sudo_password_file: Path | None,
    **asked: Any,
) -> None:
    """Run a command on the hosts of SELECTION. The words are joined by spaces and run by each login shell, as ssh does.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted and nothing runs there any more; a second interrupt leaves at once.
    """
    from cockpit.cli.fleet.running import Choices, carry_out

    choices = Choices(
        yes=yes, dry_run=dry_run, fold=fold, format_=format_, save=save, sudo_password_file=sudo_password_file
    )
    carry_out(ctx, selection, partial(_order, " ".join(words), selection, asked), choices)


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
