"""`cockpit fleet shell`: a shell on a host, or the same keystrokes to several."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.agreed import agreed
from cockpit.cli.say import FAILED, INTERRUPTED, complain, refuse
from cockpit.cli.terminal import demand_terminal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cockpit.config.settings import Settings
    from cockpit.fleet.engine.link import Ending
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster
    from cockpit.tasks.terminal import Tty

SIGNALLED = 128
"""Added to the number of the signal that ended the shell, as shells do."""


@click.command("shell")
@click.argument("selection", shell_complete=complete.selection)
@click.option("--yes", type=int, metavar="COUNT", help="How many hosts it is meant for; needed in production.")
@click.pass_context
def command(ctx: click.Context, selection: str, yes: int | None) -> None:
    """Open a shell on the host of SELECTION, over cockpit's own host keys, jumps and identities.

    With several hosts each has a small screen, and what is typed goes to all of them. As in ssh, ~. at the start of a
    line cuts the connection. Ends as the shell did; with 1 when the connection was lost.
    """
    from cockpit.cli.fleet.asking import attend
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors

    demand_terminal("cockpit fleet exec SELECTION -- COMMAND")
    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    attend(roster)
    for failure in asyncio.run(roster.load()):
        complain(failure)
    try:
        if settings.ui.read_only:
            raise errors.Refused("cockpit is read-only here; no shell is opened")
        machines = roster.select(selection)
        agreed(machines, yes)
        if len(machines) > 1:
            from cockpit.tui.shells_app import run_shells

            ctx.exit(run_shells(settings, roster, machines))
        ctx.exit(asyncio.run(_one(roster, machines[0])))
    except errors.Refused as error:
        refuse([str(error)])


async def _one(roster: Roster, machine: Machine) -> int:
    """The shell's own exit code."""
    from cockpit.fleet.shell.actions import shell_job
    from cockpit.tasks.action import State
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager

    endings: list[Ending] = []
    async with TaskManager.open() as tasks:
        record = await run_headless(tasks, shell_job(roster, machine, _lend, ended=endings.append))
    if record.state is not State.SUCCEEDED:
        complain(record.why or str(record.state))
        return INTERRUPTED if record.state is State.CANCELLED else FAILED
    return _code(endings[0]) if endings else 0


@asynccontextmanager
async def _lend() -> AsyncIterator[Tty]:
    from cockpit.tasks.terminal import Tty

    yield Tty()


def _code(ending: Ending) -> int:
    if ending.signal:
        number = getattr(signal, f"SIG{ending.signal}", None)
        return SIGNALLED + int(number) if number is not None else FAILED
    return ending.status or 0
