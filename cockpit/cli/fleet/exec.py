"""`cockpit fleet exec`: a command on many hosts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet.output import Json, Text
from cockpit.cli.fleet.say import FAILED, INTERRUPTED, complain, drawn, refuse

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.batch import Order
    from cockpit.tasks.action import Job
    from cockpit.tasks.records import TaskRecord


@click.command("exec")
@click.argument("pattern")
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, help="Seconds for each host."
)
@click.option("--forks", type=click.IntRange(1, 1000), default=32, show_default=True, help="Hosts at the same time.")
@click.option("--yes", type=int, metavar="COUNT", help="How many hosts it is meant for; needed in production.")
@click.option("--dry-run", is_flag=True, help="Say what would be run where, and connect to nothing.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    pattern: str,
    words: tuple[str, ...],
    timeout: float,
    forks: int,
    yes: int | None,
    dry_run: bool,
    format_: str,
) -> None:
    """Run a command on the hosts of PATTERN. The words are joined by spaces and run by each login shell, as ssh does.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted.
    """
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.batch import Order
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    for failure in asyncio.run(roster.load()):
        complain(failure)
    try:
        order = Order(roster.select(pattern), " ".join(words), timeout, forks)
        if settings.ui.read_only and not dry_run:
            raise errors.Refused("cockpit is read-only here; nothing is run")
        _agreed(order, yes, dry_run)
        printer = Json() if format_ == "json" else Text()
        job = _job(roster, order, printer)
        if dry_run:
            from cockpit.tasks.manager import dry_run as explain

            for line in explain(job):
                click.echo(drawn(line))
            return
        record = asyncio.run(_run(job, printer))
    except errors.Refused as error:
        refuse([str(error)])
    _conclude(ctx, record, printer)


def _agreed(order: Order, yes: int | None, dry_run: bool) -> None:
    """Production and a stated count are taken at their word. Raises errors.Refused."""
    from cockpit.fleet.selection import fold
    from cockpit.model import errors

    count, names = len(order.machines), fold(machine.name for machine in order.machines)
    production = fold(machine.name for machine in order.machines if machine.production)
    if yes is not None and yes != count:
        raise errors.Refused(f"--yes={yes}, but these are {count}: {names}; write --yes={count}")
    if production and yes is None and not dry_run:
        raise errors.Refused(f"{production} is in production; to run it on all {count} ({names}) write --yes={count}")


def _job(roster: Roster, order: Order, printer: Text | Json) -> Job:
    from cockpit.fleet.actions import exec_job

    return exec_job(roster, order, on_output=printer.output, on_result=printer.result, drained=printer.out.drained)


async def _run(job: Job, printer: Text | Json) -> TaskRecord:
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager

    async with TaskManager.open() as tasks:

        def gone() -> None:
            for record in tasks.active:
                tasks.cancel(record.key)

        writing = asyncio.create_task(printer.out.run(gone))
        try:
            return await run_headless(tasks, job, on_output=printer.line)
        finally:
            printer.out.close()
            await writing


def _conclude(ctx: click.Context, record: TaskRecord, printer: Text | Json) -> None:
    from cockpit.fleet.run.batch import summary
    from cockpit.tasks.action import State

    complain(summary(printer.results) if printer.results else record.why or str(record.state))
    if printer.results and record.why:
        complain(f"{record.state.replace('_', ' ')}: {record.why}")
    if record.state is State.SUCCEEDED:
        ctx.exit(0)
    ctx.exit(INTERRUPTED if record.state is State.CANCELLED else FAILED)
