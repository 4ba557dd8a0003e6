"""Orders for files as jobs of the task manager."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence

from msgspec import Struct

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files import describe
from cockpit.fleet.files.fetch import Fetch, Fetching
from cockpit.fleet.files.orders import KEPT_RELEASES, Done, Sending, Tell, Way
from cockpit.fleet.files.place import Place
from cockpit.fleet.files.send import Send
from cockpit.fleet.files.transfers import FORKS, TIMEOUT_SECONDS, HostEnd, Transfers, Work
from cockpit.fleet.files.tree import Excludes, gather, walk
from cockpit.fleet.fold import fold
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.run.job import LANE
from cockpit.fleet.run.plan import Plan, waves
from cockpit.model import errors
from cockpit.tasks.action import Job, Progress, Risk, Target

STOP_SECONDS = 30.0
"""For all hosts to end their tar and to remove what was staged."""


class Asked(Struct, frozen=True, kw_only=True):
    """An order for files as it was typed."""

    machines: tuple[Machine, ...]
    local: tuple[str, ...]
    """What is sent; of a get the one folder that it goes to."""
    remote: str
    plan: Plan = Plan(forks=FORKS)
    timeout_seconds: float = TIMEOUT_SECONDS
    """For each host."""
    checksum: bool = False
    excludes: tuple[str, ...] = ()
    keep: int = KEPT_RELEASES


def read(asked: Asked, way: Way) -> Sending:
    """Look at what is here, once for all hosts. Blocking. Raises errors.Refused and NotFound."""
    if not asked.local or not asked.remote:
        raise errors.Refused("say what is sent, and where to")
    excludes = Excludes(asked.excludes)
    if way is Way.PUT:
        tree = gather(asked.local, checksum=asked.checksum)
    else:
        tree = walk(asked.local[0], excludes, checksum=asked.checksum)
    return Sending(
        way=way,
        tree=tree,
        remote=os.fsencode(asked.remote),
        excludes=excludes,
        checksum=asked.checksum,
        keep=asked.keep,
        rsync=shutil.which("rsync") or "",
    )


def send_job(
    roster: Roster,
    asked: Asked,
    way: Way,
    *,
    sending: Sending | None = None,
    watch: Callable[[Transfers], None] | None = None,
    ended: Callable[[HostEnd], None] | None = None,
) -> Job:
    """Put or sync, exclusive on each host. `sending`: what is here was already looked at. `watch` is given the
    transfers when they begin. Raises errors.Refused for what makes no sense.
    """
    _check(asked)

    async def run(progress: Progress) -> None:
        order = sending if sending is not None else await asyncio.to_thread(read, asked, way)

        def work(pool: Pool, machine: Machine, tell: Tell) -> Send:
            return Send(pool, machine, order, tell)

        await _run(roster, asked, work, progress, watch, ended)

    what = _names(asked.local)
    sentences = {
        Way.PUT: f"Put {what} to {asked.remote} on",
        Way.COPY: f"Sync {what} to {asked.remote} on",
        Way.MIRROR: f"Sync {what} to {asked.remote}, deleting what is only there, on",
        Way.RELEASE: f"Release {what} as {asked.remote} on",
    }
    return Job(
        action="fleet.put" if way is Way.PUT else "fleet.sync",
        sentence=f"{sentences[way]} {_hosts(asked.machines)}",
        targets=tuple(_target(machine) for machine in asked.machines),
        run=run,
        risk=Risk.DESTRUCTIVE if way is Way.MIRROR else Risk.DISRUPTIVE,
        lane=LANE,
        timeout_seconds=None,
        stop_seconds=STOP_SECONDS,
        exclusive=frozenset(machine.lock for machine in asked.machines),
        preview=tuple(f"{machine.where}: {asked.remote}" for machine in asked.machines),
    )


def compare_job(
    roster: Roster,
    asked: Asked,
    way: Way,
    *,
    sending: Sending | None = None,
    compared: Callable[[Machine, Place], None] | None = None,
    ended: Callable[[HostEnd], None] | None = None,
) -> Job:
    """The dry run of a put or a sync: it looks, and says what would be done. `compared` is told instead, if given."""
    _check(asked)

    async def run(progress: Progress) -> None:
        order = sending if sending is not None else await asyncio.to_thread(read, asked, way)

        def say(machine: Machine, place: Place) -> None:
            for line in describe.lines(place):
                progress.say(line, target=machine.name)

        def work(pool: Pool, machine: Machine, tell: Tell) -> _Compare:
            return _Compare(Send(pool, machine, order, tell), machine, compared or say)

        await _run(roster, asked, work, progress, None, ended)

    return Job(
        action="fleet.sync",
        sentence=f"Compare {_names(asked.local)} with {asked.remote} on {_hosts(asked.machines)}",
        targets=tuple(_target(machine, reads=True) for machine in asked.machines),
        run=run,
        lane=LANE,
        timeout_seconds=None,
        stop_seconds=STOP_SECONDS,
        shared=frozenset(machine.lock for machine in asked.machines),
    )


def get_job(
    roster: Roster,
    asked: Asked,
    *,
    watch: Callable[[Transfers], None] | None = None,
    ended: Callable[[HostEnd], None] | None = None,
) -> Job:
    """Fetch a file or folder; several hosts get a folder of their own each. Changes nothing on them."""
    _check(asked)
    apart = len(asked.machines) > 1
    order = Fetching(remote=os.fsencode(asked.remote), folder=asked.local[0], apart=apart, checksum=asked.checksum)

    async def run(progress: Progress) -> None:
        def work(pool: Pool, machine: Machine, tell: Tell) -> Fetch:
            return Fetch(pool, machine, order, tell)

        await _run(roster, asked, work, progress, watch, ended)

    where = os.path.join(asked.local[0], "HOST") if apart else asked.local[0]
    return Job(
        action="fleet.get",
        sentence=f"Get {asked.remote} to {where} from {_hosts(asked.machines)}",
        targets=tuple(_target(machine, reads=True) for machine in asked.machines),
        run=run,
        lane=LANE,
        timeout_seconds=None,
        stop_seconds=STOP_SECONDS,
        shared=frozenset(machine.lock for machine in asked.machines),
        preview=tuple(f"{machine.where}: {asked.remote}" for machine in asked.machines),
    )


class _Compare:
    """A look, as work like others."""

    def __init__(self, send: Send, machine: Machine, compared: Callable[[Machine, Place], None]) -> None:
        self.done: Done | None = None
        self._send, self._machine, self._compared = send, machine, compared

    async def run(self) -> Done:
        place = await self._send.compare()
        self._compared(self._machine, place)
        self.done = Done(note="nothing was changed" if place.found else "")
        return self.done


async def _run(
    roster: Roster,
    asked: Asked,
    work: Callable[[Pool, Machine, Tell], Work],
    progress: Progress,
    watch: Callable[[Transfers], None] | None,
    ended: Callable[[HostEnd], None] | None,
) -> None:
    transfers = Transfers(asked.machines, asked.plan, asked.timeout_seconds, work, ended=ended)
    if watch is not None:
        watch(transfers)
    await transfers.run(roster.pool, progress)


def _check(asked: Asked) -> None:
    if not asked.machines:
        raise errors.Refused("no host is named; mark some, or write web[1-3], @role, env=prod")
    if not asked.local or not asked.local[0] or not asked.remote:
        raise errors.Refused("say what is to be copied, and where to")
    if "\0" in asked.remote:
        raise errors.Refused("a path has no NUL in it")
    waves(asked.plan, len(asked.machines))


def _target(machine: Machine, *, reads: bool = False) -> Target:
    """What only reads is allowed on a host that is read-only."""
    return Target(machine.lock, machine.name, machine.production, machine.read_only and not reads)


def _names(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def _hosts(machines: Sequence[Machine]) -> str:
    count = len(machines)
    return f"{count} host{'s' if count != 1 else ''}: {fold(machine.name for machine in machines)}"
