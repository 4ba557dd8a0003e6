"""What lets cockpit into a host: its key trusted, one's own key unlocked. Both are asked of a person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from cockpit.fleet import host as states
from cockpit.fleet.fold import fold
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.run.job import target
from cockpit.model import errors
from cockpit.tasks.action import Action, Job, Progress, Risk, State

LANE = "trust"


def trust_actions(roster: Roster) -> tuple[Action[Host], ...]:
    """The catalogue of the pane."""

    def trust(hosts: Sequence[Host], _: Mapping[str, str]) -> Job:
        return _job("fleet.trust", "Trust the host key of", roster.of(hosts), lambda m, p: _trust(roster, m, p))

    def unlock(hosts: Sequence[Host], _: Mapping[str, str]) -> Job:
        return _job("fleet.unlock", "Unlock the key for", roster.of(hosts), lambda m, p: _unlock(roster, m, p))

    return (
        Action(id="fleet.trust", title="Trust the host key", key="K", risk=Risk.SAFE, bind=trust, disabled=_known),
        Action(id="fleet.unlock", title="Unlock your key", key="P", risk=Risk.SAFE, bind=unlock, disabled=_let_in),
    )


def _known(hosts: Sequence[Host]) -> str | None:
    other = next((host for host in hosts if host.state != states.HOSTKEY), None)
    return None if other is None else f"the key of {other.name} is not in question: it is {other.state}"


def _let_in(hosts: Sequence[Host]) -> str | None:
    other = next((host for host in hosts if host.state != states.DENIED), None)
    return None if other is None else f"{other.name} is not locked out: it is {other.state}"


async def _trust(roster: Roster, machine: Machine, progress: Progress) -> None:
    async with roster.pool.used() as pool:
        stranger = await pool.stranger(machine)
        if stranger is None:
            progress.say("its key is known by now", target=machine.name)
        elif await roster.person.accepts(stranger.unknown):
            await pool.trust(stranger)
            progress.say(f"trusted: {stranger.unknown.offered.sha256}", target=machine.name)
        else:
            raise errors.Refused("its key was refused")


async def _unlock(roster: Roster, machine: Machine, progress: Progress) -> None:
    async with roster.pool.used() as pool:
        keys = await pool.unlock(machine)
        shut = [path for path, opened in keys if not opened]
        if not keys:
            raise errors.Refused("none of its keys has a passphrase")
        if shut:
            raise errors.Refused(f"no passphrase for {', '.join(shut)}")
        await pool.link(machine)
        progress.say("let in", target=machine.name)


def _job(
    action: str, verb: str, machines: Sequence[Machine], one: Callable[[Machine, Progress], Awaitable[None]]
) -> Job:
    """One host after the other: a person is asked about each."""

    async def run(progress: Progress) -> None:
        for machine in machines:
            try:
                await one(machine, progress)
            except errors.SourceError as error:
                if len(machines) == 1:
                    raise
                progress.outcome(machine.name, State.FAILED, str(error))
            else:
                progress.outcome(machine.name, State.SUCCEEDED)

    return Job(
        action=action,
        sentence=f"{verb} {fold(machine.name for machine in machines)}",
        targets=tuple(target(machine) for machine in machines),
        run=run,
        lane=LANE,
        timeout_seconds=None,
    )
