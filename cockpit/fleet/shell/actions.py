"""A shell on a host, and the same keystrokes to several: recorded as every action is, its output is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from cockpit.fleet.engine.link import Ending
from cockpit.fleet.fold import fold
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.shell.bridge import LEFT, bridge
from cockpit.fleet.shell.shells import MOST, Shells
from cockpit.model import errors
from cockpit.model.user import home, login_shell
from cockpit.tasks.action import Action, Job, Progress, Risk, Target
from cockpit.tasks.terminal import Lend, Tty, run_here

LANE = "shell"


def shell_job(roster: Roster, machine: Machine, lend: Lend, *, ended: Callable[[Ending], None] | None = None) -> Job:
    """A shell on one host, on the person's own terminal. The connection is made before the terminal is taken.

    `ended` is told how it ended. Raises nothing: what goes wrong is the task's.
    """

    async def run(progress: Progress) -> None:
        if machine.transport == "local":
            async with lend() as terminal:
                ending = await _here(terminal)
        else:
            async with roster.pool.used() as pool:
                running = await pool.shell(machine, Tty().terminal())
                async with lend() as terminal:
                    ending = await bridge(running, terminal)
        if ended is not None:
            ended(ending)
        if ending.lost and ending.lost != LEFT:
            raise errors.Unreachable(f"{machine.where}: the connection was lost ({ending.lost}); the shell has ended")
        progress.say(ending.lost or f"ended with {ending.signal or ending.status}")

    return _job("fleet.shell", f"Open a shell on {machine.name}", (machine,), run)


def shells_job(roster: Roster, machines: Sequence[Machine]) -> Job:
    """The same keystrokes to several hosts; `live` is the Shells that a screen shows.

    Raises errors.Refused for none, too many, or this machine among them.
    """
    if not machines or len(machines) > MOST:
        raise errors.Refused(f"mark from 1 to {MOST} hosts for the same keystrokes; these are {len(machines)}")
    here = [machine.name for machine in machines if machine.transport == "local"]
    if here:
        raise errors.Refused(f"{fold(here)} is this machine; it has your own shell")
    shells = Shells(machines)

    async def run(progress: Progress) -> None:
        try:
            await shells.run(roster.pool)
        finally:
            for tile in shells.tiles:
                progress.say(tile.why, target=tile.machine.name)

    names = fold(machine.name for machine in machines)
    return _job("fleet.shells", f"Open shells with shared keystrokes on {names}", machines, run, live=shells)


def shell_actions(roster: Roster) -> tuple[Action[Host], ...]:
    """The catalogue of the pane."""

    def shell(hosts: Sequence[Host], _: Mapping[str, str]) -> Job:
        if roster.lend is None:
            raise errors.Refused("there is no terminal here; run: cockpit fleet shell HOST")
        (machine,) = roster.of(hosts)
        return shell_job(roster, machine, roster.lend)

    def shells(hosts: Sequence[Host], _: Mapping[str, str]) -> Job:
        return shells_job(roster, roster.of(hosts))

    return (
        Action(id="fleet.shell", title="Shell", key="s", risk=Risk.SAFE, bind=shell, disabled=_why_not, many=False),
        Action(
            id="fleet.shells", title="Same keys to several", key="S", risk=Risk.SAFE, bind=shells, disabled=_why_not
        ),
    )


def _why_not(hosts: Sequence[Host]) -> str | None:
    return next((f"{host.name} is {host.state}" for host in hosts if host.state.startswith("unsupported")), None)


def _job(
    action: str,
    sentence: str,
    machines: Sequence[Machine],
    run: Callable[[Progress], Awaitable[None]],
    live: object = None,
) -> Job:
    """In production it is asked first, with the name or the count typed: a shell can do anything."""
    production = any(machine.production for machine in machines)
    return Job(
        action=action,
        sentence=sentence,
        targets=tuple(Target(m.lock, m.name, m.production, m.read_only) for m in machines),
        run=run,
        risk=Risk.DISRUPTIVE if production else Risk.SAFE,
        lane=LANE,
        timeout_seconds=None,
        shared=frozenset(machine.lock for machine in machines),
        live=live,
    )


async def _here(terminal: Tty) -> Ending:
    """The user's login shell on this machine."""
    shell = login_shell()
    try:
        return Ending(status=await run_here(terminal, [shell, "-l"], home()))
    except OSError as error:
        raise errors.Refused(f"cannot run {shell}: {error.strerror}") from error
