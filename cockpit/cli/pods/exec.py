"""`cockpit pods exec`: a command in a container."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from cockpit.cli.pods.named import FAILED, INTERRUPTED, Named, named
from cockpit.cli.say import complain, refuse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cockpit.pods.actions.remote import Ended
    from cockpit.tasks.terminal import Tty


@click.command("exec")
@click.argument("pod", metavar="[SOURCE:]NAMESPACE/POD")
@click.argument("words", nargs=-1, metavar="-- COMMAND...")
@click.option("-c", "--container", default="", help="Of several; else the one that kubectl takes.")
@click.option("-i", "--stdin", is_flag=True, help="Give it our input.")
@click.option("-t", "--tty", is_flag=True, help="On a terminal. Without COMMAND: a shell.")
@click.option("--yes", is_flag=True, help="Needed in production.")
@click.pass_context
def command(
    ctx: click.Context, pod: str, words: tuple[str, ...], container: str, stdin: bool, tty: bool, yes: bool
) -> None:
    """Run a command in a container, over cockpit's own login. Its streams are ours, byte by byte.

    Ends as the command did; with 1 when its end is not known. Interrupted, it lets go of the command, which may go on
    where it has no terminal. On a terminal, ~. at the start of a line cuts the connection, as in ssh.
    """
    from cockpit.model import errors

    try:
        found = named(ctx.find_root().obj.settings(), pod, yes=yes)
        if tty and not (os.isatty(0) and os.isatty(1)):
            complain("our input and output are no terminal: it runs without one")
            tty = False
        if not words and not tty:
            raise errors.Refused("what is to be run? write -- COMMAND after the pod, or -it for a shell")
        ctx.exit(asyncio.run(_run(found, words, container, stdin=stdin, tty=tty)))
    except errors.Refused as error:
        refuse([str(error)])


async def _run(found: Named, words: tuple[str, ...], container: str, *, stdin: bool, tty: bool) -> int:
    from cockpit.pods.actions.exec import command_job, shell_job
    from cockpit.tasks.action import State
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager

    endings: list[Ended] = []
    where = (found.cluster, found.target, found.namespace, found.name)
    if tty:
        job = shell_job(*where, lend=_lend, container=container, argv=words, ended=endings.append)
    else:
        job = command_job(
            *where, words, container=container, stdin=0 if stdin else None, ended=endings.append, complain=complain
        )
    async with TaskManager.open() as tasks:
        record = await run_headless(tasks, job)
    if record.state is State.CANCELLED:
        return INTERRUPTED
    if record.state is not State.SUCCEEDED:
        complain(record.why or str(record.state))
        return FAILED
    return endings[0].code or 0 if endings else 0


@asynccontextmanager
async def _lend() -> AsyncIterator[Tty]:
    from cockpit.tasks.terminal import Tty

    yield Tty()
