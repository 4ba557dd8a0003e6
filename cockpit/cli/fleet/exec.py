"""`cockpit fleet exec`: a command on many hosts, by a plan."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cockpit.cli.fleet.say import FAILED, INTERRUPTED, complain, drawn, refuse

if TYPE_CHECKING:
    from cockpit.cli.fleet.out import Out
    from cockpit.cli.fleet.output import Quiet
    from cockpit.config.settings import Settings
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.records import TaskRecord

_SECONDS = click.FloatRange(0, min_open=True)


@click.command("exec")
@click.argument("pattern", metavar="SELECTION")
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
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    pattern: str,
    words: tuple[str, ...],
    yes: int | None,
    dry_run: bool,
    format_: str,
    **asked: Any,
) -> None:
    """Run a command on the hosts of SELECTION. The words are joined by spaces and run by each login shell, as ssh does.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted and nothing runs there any more.
    """
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    try:
        order = asyncio.run(_order(roster, pattern, words, asked))
        if settings.ui.read_only and not dry_run:
            raise errors.Refused("cockpit is read-only here; nothing is run")
        _agreed(order, yes, dry_run)
        if dry_run:
            _explain(roster, order)
        else:
            asyncio.run(_Exec(roster, order, format_).run(ctx))
    except errors.Refused as error:
        refuse([str(error)])


async def _order(roster: Roster, pattern: str, words: tuple[str, ...], asked: dict[str, Any]) -> Order:
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.plan import Plan

    for failure in await roster.load():
        complain(failure)
    plan = {name: asked[name] for name in ("canary", "wave", "max_failures", "max_unreachable", "forks")}
    return Order(
        machines=await roster.find(pattern),
        command=" ".join(words),
        plan=Plan(**plan),
        timeout_seconds=asked["timeout"],
        connect_seconds=asked["connect_timeout"],
        idempotent=asked["idempotent"],
        selection=pattern,
    )


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


def _explain(roster: Roster, order: Order) -> None:
    from cockpit.fleet.run.job import exec_job
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.manager import check

    job = exec_job(Run(order, roster.pool, roster.past.history, attended=False))
    check(job)
    for line in (job.sentence, *job.preview, "dry run: nothing was changed"):
        click.echo(drawn(line))


class _Exec:
    """One run of the command."""

    def __init__(self, roster: Roster, order: Order, format_: str) -> None:
        self._roster, self._order, self._format = roster, order, format_

    async def run(self, ctx: click.Context) -> NoReturn:
        from cockpit.cli.fleet.out import Out
        from cockpit.fleet.run.job import exec_job
        from cockpit.fleet.run.run import Run
        from cockpit.tasks.headless import run_headless
        from cockpit.tasks.manager import TaskManager

        out = Out()
        run = Run(
            self._order, self._roster.pool, self._roster.past.history, attended=False, listener=self._listener(out)
        )
        async with TaskManager.open() as tasks:

            def gone() -> None:
                for record in tasks.active:
                    tasks.cancel(record.key)

            writing = asyncio.create_task(out.run(gone))
            try:
                record = await run_headless(tasks, exec_job(run), again=lambda: _leave(run))
                _sum_up(out, run, record)
            finally:
                out.close()
                await writing
        from cockpit.tasks.action import State

        if record.state is State.SUCCEEDED:
            ctx.exit(0)
        ctx.exit(INTERRUPTED if record.state is State.CANCELLED else FAILED)

    def _listener(self, out: Out) -> Quiet:
        from cockpit.cli.fleet.output import Json, Text

        hosts = len(self._order.machines)
        return Json(out, hosts) if self._format == "json" else Text(out, hosts)


def _sum_up(out: Out, run: Run, record: TaskRecord) -> None:
    from cockpit.fleet.results.words import summary

    state = f"{record.state.replace('_', ' ')}: {record.why}" if record.why else ""
    for text in (summary(run.lines.values()) if run.lines else "", run.why, run.fault, state):
        if text:
            out.complain(text)


def _leave(run: Run) -> NoReturn:
    """A second interrupt: at once, whatever still runs."""
    from cockpit.fleet.results.outcome import Kill, Phase
    from cockpit.fleet.selection import fold

    sent = (Phase.EXEC, Phase.RUN, Phase.STOP)
    open_ = [row.name for row in run.rows.values() if row.result is None and row.phase in sent]
    open_ += [line.host for line in run.lines.values() if line.kill is Kill.UNCONFIRMED]
    text = f"not confirmed, it may still run there: {fold(open_)}" if open_ else "nothing runs there any more"
    os.write(2, f"\nleft at once; {text}\n".encode("utf-8", "replace"))
    os._exit(INTERRUPTED)
