"""A run from the command line: agreed to, explained or done, printed, and its end."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cockpit.cli.fleet.say import FAILED, INTERRUPTED, drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from cockpit.cli.fleet.out import Out
    from cockpit.cli.fleet.output import Quiet
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.action import Risk
    from cockpit.tasks.records import TaskRecord


def agreed(order: Order, yes: int | None) -> None:
    """Production and a stated count are taken at their word. Raises errors.Refused."""
    from cockpit.fleet.selection import fold
    from cockpit.model import errors

    count, names = len(order.machines), fold(machine.name for machine in order.machines)
    production = fold(machine.name for machine in order.machines if machine.production)
    if yes is not None and yes != count:
        raise errors.Refused(f"--yes={yes}, but these are {count}: {names}; write --yes={count}")
    if production and yes is None:
        raise errors.Refused(f"{production} is in production; to run it on all {count} ({names}) write --yes={count}")


def explain(roster: Roster, order: Order) -> None:
    """What it would do. Raises errors.Refused as the run would."""
    from cockpit.fleet.run.job import exec_job
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.manager import check

    job = exec_job(Run(order, roster.pool, roster.past.history, attended=False))
    check(job)
    for line in (job.sentence, *job.preview, "dry run: nothing was changed"):
        click.echo(drawn(line))


def check_place(path: Path) -> None:
    """Before anything is run: a document that cannot be written afterwards. Raises errors.Refused."""
    from cockpit.model import errors

    folder = path.absolute().parent
    if path.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise errors.Refused(f"cannot write {path}: name a file in a folder that you may write to")


class Running:
    """One run, printed. Its exit code is 0 when every host succeeded, 1 when some did not, 130 when interrupted."""

    def __init__(
        self, roster: Roster, order: Order, *, format_: str, fold: bool, save: Path | None, risk: Risk
    ) -> None:
        self._roster, self._order, self._risk = roster, order, risk
        self._format, self._fold, self._save = format_, fold, save

    async def run(self, ctx: click.Context) -> NoReturn:
        """Raises errors.Refused for what is not run at all."""
        from cockpit.cli.fleet.out import Out
        from cockpit.fleet.run.job import exec_job
        from cockpit.fleet.run.run import Run
        from cockpit.tasks.action import State
        from cockpit.tasks.headless import run_headless
        from cockpit.tasks.manager import TaskManager

        out = Out()
        history = self._roster.past.history
        run = Run(self._order, self._roster.pool, history, attended=False, listener=self._listener(out))
        async with TaskManager.open() as tasks:

            def gone() -> None:
                for record in tasks.active:
                    tasks.cancel(record.key)

            writing = asyncio.create_task(out.run(gone))
            try:
                record = await run_headless(tasks, exec_job(run, risk=self._risk), again=lambda: _leave(run))
                saved = await asyncio.to_thread(self._after, out, run)
                _sum_up(out, run, record)
            finally:
                out.close()
                await writing
        code = 0 if record.state is State.SUCCEEDED else INTERRUPTED if record.state is State.CANCELLED else FAILED
        ctx.exit(code or (0 if saved else FAILED))

    def _listener(self, out: Out) -> Quiet:
        from cockpit.cli.fleet.output import Json, Quiet, Text

        kinds: dict[str, Callable[[Out, int], Quiet]] = {"json": Json, "text": Quiet if self._fold else Text}
        return kinds[self._format](out, len(self._order.machines))

    def _after(self, out: Out, run: Run) -> bool:
        """What is printed and written of the whole, in a thread. False: it could not be written."""
        from cockpit.fleet.results.export import folded, save
        from cockpit.fleet.results.groups import group

        if self._fold:
            for line in folded(group(run.lines[name] for name in run.rows if name in run.lines)):
                out.put(line.encode("utf-8", "replace") + b"\n")
        if self._save is None or not run.lines:
            return True
        try:
            save(self._roster.past.history.read(run.id), self._save)
        except OSError as error:
            out.complain(f"cannot write {self._save}: {error.strerror}; see: cockpit fleet runs export {run.id}")
            return False
        return True


def _sum_up(out: Out, run: Run, record: TaskRecord) -> None:
    from cockpit.fleet.results.words import summary

    state = f"{record.state.replace('_', ' ')}: {record.why}" if record.why else ""
    kept = f"kept as run {run.id}; see: cockpit fleet runs show {run.id}" if run.lines else ""
    for text in (summary(run.lines.values()) if run.lines else "", run.why, run.fault, state, kept):
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
