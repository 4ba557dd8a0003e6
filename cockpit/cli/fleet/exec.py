"""`cockpit fleet exec`: a command on many hosts, by a plan."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.fleet.say import complain, refuse

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.order import Order

_SECONDS = click.FloatRange(0, min_open=True)


@click.command("exec")
@click.argument("selection")
@click.argument("words", nargs=-1, metavar="-- COMMAND...")
@click.option("--timeout", type=_SECONDS, default=60.0, show_default=True, help="Seconds for the command on each host.")
@click.option("--connect-timeout", type=_SECONDS, help="Seconds for the way to each host.")
@click.option("--canary", type=click.IntRange(0), default=0, help="So many hosts first; the rest if they succeed.")
@click.option("--wave", default="", metavar="N|P%", help="Hosts at a time after that: 20, or 25% of the run.")
@click.option("--max-failures", default="", metavar="N|P%|P%/wave", help="More stop the run: 3, 10%, 10%/wave.")
@click.option("--max-unreachable", default="", metavar="N|P%|P%/wave", help="The same for hosts not reached.")
@click.option("--forks", type=click.IntRange(1, 1000), default=100, show_default=True, help="Hosts at the same time.")
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
    **asked: Any,
) -> None:
    """Run a command on the hosts of SELECTION. The words are joined by spaces and run by each login shell, as ssh does.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted and nothing runs there any more; a second interrupt leaves at once.
    """
    from cockpit.cli.fleet.running import Running, agreed, check_place, explain
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors
    from cockpit.tasks.action import Risk

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    try:
        order = asyncio.run(_order(roster, selection, words, asked))
        if dry_run:
            explain(roster, order)
            return
        if settings.ui.read_only:
            raise errors.Refused("cockpit is read-only here; nothing is run")
        if fold and format_ == "json":
            raise errors.Refused("--fold is for text: JSON has a line for each host; leave one of them out")
        agreed(order, yes)
        if save is not None:
            check_place(save)
        running = Running(roster, order, format_=format_, fold=fold, save=save, risk=Risk.DISRUPTIVE)
        asyncio.run(running.run(ctx))
    except errors.Refused as error:
        refuse([str(error)])


async def _order(roster: Roster, selection: str, words: tuple[str, ...], asked: dict[str, Any]) -> Order:
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.plan import Plan

    for failure in await roster.load():
        complain(failure)
    plan = {name: asked[name] for name in ("canary", "wave", "max_failures", "max_unreachable", "forks")}
    return Order(
        machines=await roster.find(selection),
        command=" ".join(words),
        plan=Plan(**plan),
        timeout_seconds=asked["timeout"],
        connect_seconds=asked["connect_timeout"],
        idempotent=asked["idempotent"],
        selection=selection,
    )
