"""`cockpit fleet list`: the hosts, by one look at each."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.hosts import json_lines
from cockpit.cli.say import SOURCE, complain, drawn, refuse
from cockpit.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cockpit.config.settings import Settings
    from cockpit.fleet.host import Host
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster

NOT_ASKED = "not asked"
"""The state of a host with --no-connect."""
LOOK = ("host", "role", "env", "state", "load", "memory", "disk", "failed", "uptime", "latency", "address", "error")
PLAIN = ("host", "role", "env", "address", "source", "error")
"""Columns with a look at each host, and without."""


@click.command("list")
@click.argument("pattern", metavar="[SELECTION]", default="", shell_complete=complete.selection)
@click.option("--no-connect", is_flag=True, help="Only what the inventories say.")
@click.option("--resolve", is_flag=True, help="Where each host really is and how it is reached; connects to nothing.")
@click.option("--fold", "folded", is_flag=True, help="Only the names, short: web[01-20,23]; connects to nothing.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=15.0, show_default=True, help="Seconds for each host."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "names"]),
    default="text",
    show_default=True,
    help="names: one a line; connects to nothing.",
)
@click.pass_context
def command(
    ctx: click.Context, pattern: str, no_connect: bool, resolve: bool, folded: bool, timeout: float, format_: str
) -> None:
    """The hosts and how they are, by one look at each. JSON is one line a host.

    Ends with 0; with 2 when the selection names no host; with 3 when an inventory could not be read.
    """
    from cockpit.fleet.columns import COLUMNS
    from cockpit.fleet.roster import Roster
    from cockpit.session.fleet import HINT

    if (folded and (resolve or format_ == "json")) or (resolve and format_ == "names"):
        raise click.UsageError("--fold and names say nothing but names; leave out --resolve and --format json")
    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    look = not (no_connect or resolve or folded or format_ == "names")
    machines, hosts, failures = asyncio.run(_hosts(roster, pattern, timeout if look else None))
    if folded or format_ == "names":
        _print_names(machines, folded)
    elif resolve:
        _print_resolved(machines, format_)
    elif format_ == "json" and hosts:
        click.echo("\n".join(json_lines(hosts, time.time())))
    elif hosts:
        shown = LOOK if look else PLAIN
        click.echo("\n".join(table(hosts, [column for column in COLUMNS if column.id in shown], time.time())))
    for line in [*failures, *roster.notes, *([] if roster.sources else [HINT])]:
        complain(line)
    ctx.exit(SOURCE if failures else 0)


async def _hosts(
    roster: Roster, pattern: str, timeout: float | None
) -> tuple[Sequence[Machine], list[Host], list[str]]:
    """The machines; the hosts, looked at once unless `timeout` is None; and what was wrong with the inventories."""
    from msgspec.structs import replace

    from cockpit.fleet.facts.look import look
    from cockpit.fleet.host import CONNECTING, unseen
    from cockpit.model import errors

    failures = await roster.load()
    try:
        machines = await roster.find(pattern) if pattern else tuple(roster.machines.values())
    except errors.Refused as error:
        refuse([*failures, str(error)])
    if timeout is None:
        hosts = [unseen(machine) for machine in machines]
        asked = [replace(host, state=NOT_ASKED) if host.state == CONNECTING else host for host in hosts]
        return machines, asked, failures
    return machines, await look(roster.pool, machines, timeout), failures


def _print_names(machines: Sequence[Machine], folded: bool) -> None:
    from cockpit.fleet.fold import fold

    names = [machine.name for machine in machines]
    if names:
        click.echo("\n".join(map(drawn, [fold(names)] if folded else names)))


def _print_resolved(machines: Sequence[Machine], format_: str) -> None:
    import msgspec

    from cockpit.fleet.resolved import described, resolved
    from cockpit.model.printable import escaped, printable

    for machine in machines:
        if format_ == "json":
            click.echo(escaped(msgspec.json.encode(resolved(machine)).decode()))
        else:
            click.echo("\n".join(map(printable, described(machine))))
