"""`cockpit fleet facts`: how the hosts are."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, NoReturn

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.hosts import csv_lines, json_lines
from cockpit.cli.say import FAILED, INTERRUPTED, SOURCE, complain, refuse
from cockpit.cli.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cockpit.fleet.host import Host
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster
    from cockpit.listing.cells import Column

SHOWN = (
    "host", "state", "load", "cpu", "memory", "disk", "failed", "reboot", "uptime", "latency", "top", "users", "kernel",
    "error",
)  # fmt: skip
WATCH = click.FloatRange(0.5)


@click.command("facts")
@click.argument("pattern", metavar="SELECTION", shell_complete=complete.selection)
@click.option("--format", "format_", type=click.Choice(["text", "json", "csv"]), default="text", show_default=True)
@click.option("--watch", type=WATCH, metavar="SECONDS", help="Again every so many seconds, until interrupted.")
@click.option(
    "--sort", metavar="COLUMN", default="host", show_default=True, help="By value; figures the greatest first."
)
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=15.0, show_default=True, help="Seconds for each host."
)
@click.pass_context
def command(ctx: click.Context, pattern: str, format_: str, watch: float | None, sort: str, timeout: float) -> None:
    """Load, memory, disks, kernel, pending reboot, failed units, top processes and users of the hosts of SELECTION.

    JSON and CSV are a line a host with all of it. Ends with 0 when every host answered, 1 when some did not, 3 when an
    inventory could not be read, 130 when --watch is interrupted.
    """
    from cockpit.fleet.roster import Roster

    column = _column(sort)
    roster = Roster(ctx.find_root().obj.settings().fleet)
    printer = _Printer(format_, column)
    try:
        code = asyncio.run(_facts(roster, pattern, printer, watch, timeout))
    except KeyboardInterrupt:
        code = INTERRUPTED
    ctx.exit(code)


def _column(name: str) -> Column[Host]:
    """Raises click.UsageError."""
    from cockpit.fleet.columns import COLUMNS

    columns = {column.id: column for column in COLUMNS}
    if name not in columns:
        raise click.UsageError(f"there is no column {name!r}; one of: {', '.join(columns)}")
    return columns[name]


class _Printer:
    def __init__(self, format_: str, sort: Column[Host]) -> None:
        self._format, self._sort = format_, sort
        self._columns = [_column(name) for name in dict.fromkeys((*SHOWN[:-1], sort.id, SHOWN[-1]))]
        self._rounds = 0

    async def show(self, hosts: Sequence[Host]) -> None:
        """One round. What stalls the reader stalls no host."""
        now = time.time()
        greatest_first = self._sort.align == "right" or self._sort.id == "reboot"
        ordered = sorted(hosts, key=self._sort.sort_key, reverse=greatest_first)
        lines = "\n".join(self._lines(ordered, now))
        self._rounds += 1
        await asyncio.to_thread(click.echo, lines)

    def _lines(self, hosts: Sequence[Host], now: float) -> Iterable[str]:
        match self._format:
            case "json":
                return json_lines(hosts, now)
            case "csv":
                return csv_lines(hosts, now, head=not self._rounds)
            case _:
                rows = table(hosts, self._columns, now)
                head = [time.strftime("%H:%M:%S")] if self._rounds else []
                return [*([""] if head else []), *head, *rows]


async def _facts(roster: Roster, pattern: str, printer: _Printer, watch: float | None, timeout: float) -> int:
    from cockpit.fleet.facts.look import look
    from cockpit.model import errors

    failures = await roster.load()
    try:
        machines = await roster.find(pattern)
    except errors.Refused as error:
        refuse([*failures, str(error)])
    for line in failures:
        complain(line)
    if watch is not None:
        await _watch(roster, machines, printer, watch, timeout)
    hosts = await look(roster.pool, machines, timeout)
    await printer.show(hosts)
    if failures:
        return SOURCE
    return 0 if all(host.current for host in hosts) else FAILED


async def _watch(
    roster: Roster, machines: Sequence[Machine], printer: _Printer, seconds: float, timeout: float
) -> NoReturn:
    """The first round once all are known or overdue, then one every so many seconds. Never ends by itself."""
    from cockpit.fleet.facts.sampler import Sampler, Turns

    turns, changed = Turns(), asyncio.Event()
    samplers = [Sampler(roster.pool, machine, seconds, lambda _: changed.set(), turns) for machine in machines]
    async with roster.pool.used(), asyncio.TaskGroup() as group:
        for sampler in samplers:
            group.create_task(sampler.run())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while any(sampler.row.pending for sampler in samplers):
                    changed.clear()
                    await changed.wait()
        while True:
            await printer.show([sampler.row for sampler in samplers])
            await asyncio.sleep(seconds)
