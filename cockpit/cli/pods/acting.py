"""An action on chosen objects from the command line: agreed to, explained or done, printed, and its end."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from msgspec import Struct

from cockpit.cli.pods.chosen import Where
from cockpit.cli.say import FAILED, INTERRUPTED, complain, drawn, refuse

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.kinds.object import Object
    from cockpit.tasks.action import Job
    from cockpit.tasks.records import TargetOutcome, TaskRecord

F = TypeVar("F", bound=Callable[..., Any])


class Agreed(Struct, frozen=True):
    """How it is agreed to and printed."""

    yes: bool = False
    confirm: str = ""
    dry_run: bool = False
    format_: str = "text"


class Ended(Struct, frozen=True):
    """A target in JSON, a line as it ends."""

    target: str
    state: str
    why: str
    task: str
    """Its row in the journal; see: cockpit tasks show."""


def agreed_options(function: F) -> F:
    """Adds `yes`, `confirm`, `dry_run` and `format_` to a command."""
    for option in (
        click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing."),
        click.option("--confirm", metavar="NAME|COUNT", default="", help="In production: its name, or how many."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ):
        function = option(function)
    return function


def act(
    ctx: click.Context,
    action: str,
    word: str,
    names: Sequence[str],
    where: Where,
    agreed: Agreed,
    inputs: Mapping[str, str] | None = None,
    *,
    more: Callable[[Cluster, Sequence[Object]], Awaitable[Sequence[str]]] | None = None,
) -> NoReturn:
    """Do `action` ("scale") to the objects of the kind `word`. Ends the program.

    `more`: lines that a dry run reads of the cluster.
    """
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    try:
        cluster, rows, job = _job(settings, action, word, names, where, inputs or {})
        if agreed.dry_run:
            from cockpit.tasks.manager import dry_run

            *lines, last = dry_run(job)
            lines += asyncio.run(_read(more(cluster, rows))) if more is not None else ()
            click.echo("\n".join(map(drawn, [*lines, last])))
            ctx.exit(0)
        if settings.ui.read_only:
            raise errors.Refused("cockpit is read-only here; nothing is done")
        _agree(job, agreed)
        code = asyncio.run(_run(job, agreed.format_))
    except errors.Refused as error:
        refuse([str(error)])
    ctx.exit(code)


def _job(
    settings: Settings, action: str, word: str, names: Sequence[str], where: Where, inputs: Mapping[str, str]
) -> tuple[Cluster, Sequence[Object], Job]:
    """The job, bound to the objects as they are now, and these. Raises `model.errors`."""
    from cockpit.cli.pods.chosen import chosen, one_source, with_source
    from cockpit.model import errors
    from cockpit.pods.actions.catalogue import actions_for
    from cockpit.pods.api.connection import Cluster

    names, where = with_source(settings, names, where)
    source = one_source(settings, where.source)
    cluster = Cluster(source)
    kind, rows = asyncio.run(chosen(cluster, word, names, where))
    known = {each.id.rpartition(".")[2]: each for each in actions_for({source.name: cluster}, kind)}
    if action not in known:
        raise errors.Refused(f"{kind.resource} have no {action}; they have {', '.join(known) or 'nothing'}")
    if why := known[action].disabled(rows):
        raise errors.Refused(why)
    return cluster, rows, known[action].bind(rows, inputs)


async def _read(lines: Awaitable[Sequence[str]]) -> Sequence[str]:
    return await lines


def _agree(job: Job, agreed: Agreed) -> None:
    """Raises errors.Refused where nobody has agreed to it."""
    from cockpit.model import errors
    from cockpit.tasks.action import Risk
    from cockpit.tasks.consent import demanded
    from cockpit.tasks.manager import check

    check(job)
    wanted = demanded(job) if job.risk is not Risk.SAFE else ""
    if agreed.confirm and wanted and agreed.confirm != wanted:
        raise errors.Refused(f"--confirm {agreed.confirm}, but it is {wanted}: {job.sentence}")
    if (agreed.yes and not wanted) or (wanted and agreed.confirm == wanted) or job.risk is Risk.SAFE:
        return
    asked = sys.stdin.isatty() and sys.stderr.isatty()
    if not asked:
        more = f"it is in production; write --confirm {wanted}" if wanted else "write --yes"
        raise errors.Refused(f"{job.sentence}? to do it, {more}")
    complain(f"{job.sentence} ({job.risk.value})")
    if not wanted:
        click.confirm("Do it?", abort=True, err=True)
    elif click.prompt(f"It is in PRODUCTION. Type {drawn(wanted)} to do it", err=True) != wanted:
        raise errors.Refused("that is not what was asked for; nothing was done")


async def _run(job: Job, format_: str) -> int:
    """Its exit code: 0 when every target succeeded, 130 when interrupted, else 1."""
    from cockpit.tasks.action import State
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager
    from cockpit.tasks.run import UNCONFIRMED

    printer = _Printer(format_)
    async with TaskManager.open() as tasks:

        async def follow() -> None:
            async for delta in tasks.follow():
                for record in delta.upserts.values():
                    if record.action == job.action and record.owner.pid == os.getpid():
                        printer.show(record)

        following = asyncio.create_task(follow())
        try:
            record = await run_headless(
                tasks, job, on_output=printer.said, again=lambda: _leave(f"left at once: {job.sentence} may go on")
            )
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
    printer.show(record)
    if record.why and len(record.targets) != 1:
        complain(f"{record.state.replace('_', ' ')}: {record.why}")
    if record.state is State.CANCELLED or record.why.startswith(UNCONFIRMED):
        return INTERRUPTED
    return 0 if record.state is State.SUCCEEDED else FAILED


class _Printer:
    """A line a target as it ends, on stdout; what goes on until then, on stderr."""

    def __init__(self, format_: str) -> None:
        self._json = format_ == "json"
        self._shown: set[str] = set()

    def said(self, target: str, line: str) -> None:
        if not self._json:
            complain(f"{target}: {line}" if target else line)

    def show(self, record: TaskRecord) -> None:
        from cockpit.tasks.action import FINAL

        for target in record.targets:
            if target.state in FINAL and target.key not in self._shown:
                self._shown.add(target.key)
                self._print(target, target.why or (record.why if len(record.targets) == 1 else ""), record.key)

    def _print(self, target: TargetOutcome, why: str, task: str) -> None:
        assert target.state is not None
        if not self._json:
            click.echo(drawn(f"{target.name}: {target.state.replace('_', ' ')}{f': {why}' if why else ''}"))
            return
        import msgspec

        from cockpit.model.printable import escaped

        click.echo(escaped(msgspec.json.encode(Ended(target.name, target.state, why, task)).decode()))


def _leave(why: str) -> NoReturn:
    """A second interrupt: at once."""
    os.write(2, f"\n{why}; see: cockpit tasks list\n".encode("utf-8", "replace"))
    os._exit(INTERRUPTED)
