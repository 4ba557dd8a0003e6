"""A run from the command line: agreed to, explained or done, printed, and its end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from msgspec import Struct

from cockpit.cli.say import FAILED, INTERRUPTED, complain, drawn, refuse
from cockpit.tasks.action import Risk, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from cockpit.cli.fleet.out import Out
    from cockpit.cli.fleet.output import Quiet
    from cockpit.config.settings import Settings
    from cockpit.fleet.engine.sudo import Sudo
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.run.order import Order
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.records import TaskRecord


class Choices(Struct, frozen=True, kw_only=True):
    """How it is agreed to and printed."""

    yes: int | None = None
    dry_run: bool = False
    fold: bool = False
    format_: str = "text"
    save: Path | None = None
    sudo_password_file: Path | None = None
    risk: Risk = Risk.DISRUPTIVE


def carry_out(
    ctx: click.Context, selection: str, order_of: Callable[[tuple[Machine, ...]], Order], choices: Choices
) -> None:
    """Run what `order_of` makes of the hosts that are meant, or say what it would do. Ends the program."""
    from cockpit.cli.fleet.asking import attend
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    attend(roster)

    async def found() -> tuple[Machine, ...]:
        for failure in await roster.load():
            complain(failure)
        return await roster.find(selection)

    try:
        order = order_of(asyncio.run(found()))
        if choices.dry_run:
            _explain(roster, order)
            return
        if settings.ui.read_only:
            raise errors.Refused("cockpit is read-only here; nothing is run")
        _check(order, choices)
        sudo = _sudo(order.sudo, choices.sudo_password_file)
        asyncio.run(_Running(roster, order, sudo, choices).run(ctx))
    except errors.Refused as error:
        refuse([str(error)])


def _explain(roster: Roster, order: Order) -> None:
    from cockpit.fleet.run.job import exec_job
    from cockpit.fleet.run.run import Run
    from cockpit.tasks.manager import check

    job = exec_job(Run(order, roster.pool, roster.past.history, attended=False))
    check(job)
    for line in (job.sentence, *job.preview, "dry run: nothing was changed"):
        click.echo(drawn(line))


def _check(order: Order, choices: Choices) -> None:
    """Production and a stated count are taken at their word. Raises errors.Refused."""
    from cockpit.fleet.fold import fold
    from cockpit.model import errors

    if choices.fold and choices.format_ == "json":
        raise errors.Refused("--fold is for text: JSON has a line for each host; leave one of them out")
    count, names = len(order.machines), fold(machine.name for machine in order.machines)
    production = fold(machine.name for machine in order.machines if machine.production)
    yes, path = choices.yes, choices.save
    if yes is not None and yes != count:
        raise errors.Refused(f"--yes={yes}, but these are {count}: {names}; write --yes={count}")
    if production and yes is None and choices.risk is not Risk.SAFE:
        raise errors.Refused(f"{production} is in production; to run it on all {count} ({names}) write --yes={count}")
    if path is not None and (path.is_dir() or not os.access(path.absolute().parent, os.W_OK | os.X_OK)):
        raise errors.Refused(f"cannot write {path}: name a file in a folder that you may write to")


def _sudo(user: str, path: Path | None) -> Sudo | None:
    """As whom, with the password from a file, else from the terminal, else without. Raises errors.Refused."""
    from cockpit.fleet.engine.sudo import Secret, Sudo
    from cockpit.model import errors

    if not user:
        if path is not None:
            raise errors.Refused("--sudo-password-file is for --sudo; write --sudo, or --sudo=USER")
        return None
    if path is not None:
        try:
            typed = path.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise errors.Refused(f"cannot read the password in {path}: {error}") from error
    elif sys.stdin.isatty():
        asked = f"password for sudo as {user} (empty: it asks for none)"
        typed = click.prompt(asked, "", hide_input=True, err=True, show_default=False)
    else:
        typed = ""
    return Sudo(user, Secret(typed)) if typed else Sudo(user)


class _Running:
    """One run, printed. Its exit code is 0 when every host succeeded, 1 when some did not, 130 when interrupted."""

    def __init__(self, roster: Roster, order: Order, sudo: Sudo | None, choices: Choices) -> None:
        self._roster, self._order, self._sudo, self._choices = roster, order, sudo, choices

    async def run(self, ctx: click.Context) -> NoReturn:
        """Raises errors.Refused for what is not run at all."""
        from cockpit.cli.fleet.out import Out
        from cockpit.fleet.run.job import exec_job
        from cockpit.fleet.run.run import Run
        from cockpit.tasks.headless import run_headless
        from cockpit.tasks.manager import TaskManager

        out = Out()
        pool, history = self._roster.pool, self._roster.past.history
        run = Run(self._order, pool, history, attended=False, listener=self._listener(out), sudo=self._sudo)
        job = exec_job(run, risk=self._choices.risk)
        async with TaskManager.open() as tasks:

            def gone() -> None:
                for record in tasks.active:
                    tasks.cancel(record.key)

            writing = asyncio.create_task(out.run(gone))
            try:
                record = await run_headless(tasks, job, again=lambda: _leave(run))
                whole = await asyncio.to_thread(self._after, out, run)
                _sum_up(out, run, record)
            finally:
                out.close()
                await writing
        if record.state is State.CANCELLED:
            ctx.exit(INTERRUPTED)
        ctx.exit(0 if record.state is State.SUCCEEDED and whole else FAILED)

    def _listener(self, out: Out) -> Quiet:
        from cockpit.cli.fleet.output import Json, Quiet, Text

        kinds: dict[str, Callable[[Out, int], Quiet]] = {"json": Json, "text": Quiet if self._choices.fold else Text}
        return kinds[self._choices.format_](out, len(self._order.machines))

    def _after(self, out: Out, run: Run) -> bool:
        """What is printed and written of the whole, in a thread. False: it could not be written."""
        from cockpit.fleet.results.export import folded, save
        from cockpit.fleet.results.groups import group

        if self._choices.fold:
            for line in folded(group(run.lines[name] for name in run.rows if name in run.lines)):
                out.put(line.encode("utf-8", "replace") + b"\n")
        path = self._choices.save
        if path is None or not run.lines:
            return True
        try:
            save(self._roster.past.history.read(run.id), path)
        except OSError as error:
            out.complain(f"cannot write {path}: {error.strerror}; see: cockpit fleet runs export {run.id}")
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
    from cockpit.fleet.fold import fold
    from cockpit.fleet.results.outcome import Kill, Phase

    sent = (Phase.EXEC, Phase.RUN, Phase.STOP)
    open_ = [row.name for row in run.rows.values() if row.result is None and row.phase in sent]
    open_ += [line.host for line in run.lines.values() if line.kill is Kill.UNCONFIRMED]
    text = f"not confirmed, it may still run there: {fold(open_)}" if open_ else "nothing runs there any more"
    os.write(2, f"\nleft at once; {text}\n".encode("utf-8", "replace"))
    os._exit(INTERRUPTED)
