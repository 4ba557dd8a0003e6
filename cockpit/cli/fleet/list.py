"""`cockpit fleet list`: the hosts, by one look at each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet.say import SOURCE, complain, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cockpit.config.settings import Settings
    from cockpit.fleet.host import Host
    from cockpit.fleet.roster import Roster


@click.command("list")
@click.argument("pattern", default="")
@click.option("--no-connect", is_flag=True, help="Only what the inventories say.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=15.0, show_default=True, help="Seconds.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(ctx: click.Context, pattern: str, no_connect: bool, timeout: float, format_: str) -> None:
    """The hosts and how they are, by one look at each. JSON is one line a host.

    Ends with 0; with 3 when an inventory could not be read.
    """
    from cockpit.fleet.roster import Roster
    from cockpit.session.fleet import HINT

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    hosts, failures = asyncio.run(_hosts(settings, roster, pattern, None if no_connect else timeout))
    if format_ == "json":
        _print_json(hosts)
    elif hosts:
        _print_table(hosts)
    for failure in [*failures, *([] if roster.sources else [HINT])]:
        complain(failure)
    ctx.exit(SOURCE if failures else 0)


async def _hosts(
    settings: Settings, roster: Roster, pattern: str, timeout: float | None
) -> tuple[list[Host], list[str]]:
    """The hosts, looked at once unless `timeout` is None, and what was wrong with the inventories."""
    from cockpit.fleet.host import unseen
    from cockpit.model import errors

    failures = await roster.load()
    try:
        machines = await roster.find(pattern) if pattern else tuple(roster.machines.values())
    except errors.Refused as error:
        refuse([*failures, str(error)])
    if timeout is None or not machines:
        return [unseen(machine) for machine in machines], failures
    seen = await _looked_at(settings, roster, {machine.key for machine in machines}, timeout)
    return [seen.get(machine.key) or unseen(machine) for machine in machines], failures


async def _looked_at(settings: Settings, roster: Roster, keys: set[str], timeout: float) -> dict[str, Host]:
    from cockpit.session.fleet import build

    pane = build(settings, roster=roster)
    items = pane.feed.items
    running = asyncio.create_task(pane.feed.run())
    try:
        await pane.feed.until(
            lambda: keys <= items.keys() and not any(pane.pending(items[key]) for key in keys), timeout
        )
        return {key: items[key] for key in keys if key in items}
    finally:
        running.cancel()
        await asyncio.wait([running])


def _print_json(hosts: Sequence[Host]) -> None:
    import time

    import msgspec

    from cockpit.fleet.report import report
    from cockpit.model.printable import escaped

    now = time.time()
    for host in hosts:
        click.echo(escaped(msgspec.json.encode(report(host, now)).decode()))


def _print_table(hosts: Sequence[Host]) -> None:
    import time

    from rich.cells import cell_len

    from cockpit.fleet.columns import COLUMNS
    from cockpit.listing.cells import row

    columns = [column for column in COLUMNS if column.id not in ("cpu", "source")]
    now = time.time()
    lines = [tuple(column.title for column in columns)]
    for host in hosts:
        cells = row(columns, host, now)
        lines.append(tuple(f"{cell.glyph} {cell.text}" if cell.glyph else cell.text for cell in cells))
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        parts = []
        for text, width, column in zip(line, widths, columns, strict=True):
            gap = " " * (width - cell_len(text))
            parts.append(gap + text if column.align == "right" else text + gap)
        click.echo("  ".join(parts).rstrip())
