"""What can be done to hosts: run a command on many, and once more where it failed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec.structs import replace

from cockpit.fleet.engine.link import Chunk
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.run.batch import TIMEOUT_SECONDS, Batch, Order, Result, summary
from cockpit.fleet.selection import fold
from cockpit.model import errors
from cockpit.tasks.action import Action, CancelUnconfirmed, Input, Job, Progress, Risk, State, Target

LANE = "fleet"
STOP_SECONDS = 20.0
"""For all hosts of a cancelled batch to confirm that nothing runs any more."""
SHOWN_CHARS = 160
"""Of a command, in questions and in the journal's sentence."""
AGAIN = frozenset({State.FAILED, State.TIMED_OUT})
"""Ends after which a rerun is offered. Not UNKNOWN: the command may have had its effect."""


def target(machine: Machine) -> Target:
    """A host as locks, questions and the journal know it."""
    return Target(machine.lock, machine.name, machine.production, machine.read_only)


def exec_job(
    roster: Roster,
    order: Order,
    *,
    action: str = "fleet.exec",
    on_output: Callable[[Machine, Chunk], None] | None = None,
    on_result: Callable[[Result], None] | None = None,
    drained: Callable[[], Awaitable[None]] | None = None,
    keep: Callable[[Batch], None] | None = None,
) -> Job:
    """A batch as a job: exclusive on each of its hosts. The callbacks are told what the task is told.

    Raises errors.Refused for an empty command or time-out.
    """
    if not order.command.strip() or "\0" in order.command:
        raise errors.Refused("there is no command; write one, for example: uptime")
    if not (math.isfinite(order.timeout_seconds) and order.timeout_seconds > 0):
        raise errors.Refused("the time-out must be more than 0 seconds")

    async def run(progress: Progress) -> None:
        def output(machine: Machine, chunk: Chunk) -> None:
            progress.write(chunk.data, target=machine.name)
            if on_output is not None:
                on_output(machine, chunk)

        def result(result: Result) -> None:
            progress.outcome(result.machine.name, result.state, result.why)
            progress.step(len(batch.results), len(order.machines))
            if on_result is not None:
                on_result(result)

        async def written() -> None:
            await progress.drained()
            if drained is not None:
                await drained()

        batch = Batch(order, on_output=output, on_result=result, drained=written)
        if keep is not None:
            keep(batch)
        try:
            await batch.run(roster.pool)
        except asyncio.CancelledError:
            doubtful = [
                result.machine.name
                for result in batch.results.values()
                if result.stop == "unconfirmed" or result.state is State.UNKNOWN
            ]
            if doubtful:
                raise CancelUnconfirmed(f"it may still run on {fold(doubtful)}") from None
            raise
        finally:
            progress.say(summary(list(batch.results.values())))

    names = fold(machine.name for machine in order.machines)
    count = len(order.machines)
    shown = order.command if len(order.command) <= SHOWN_CHARS else f"{order.command[:SHOWN_CHARS]}..."
    return Job(
        action=action,
        sentence=f"Run `{shown}` on {count} host{'s' if count != 1 else ''}: {names}",
        targets=tuple(target(machine) for machine in order.machines),
        run=run,
        risk=Risk.DISRUPTIVE,
        lane=LANE,
        timeout_seconds=None,
        stop_seconds=STOP_SECONDS,
        exclusive=frozenset(machine.lock for machine in order.machines),
        preview=tuple(f"{machine.where}: {order.command}" for machine in order.machines),
    )


def actions(roster: Roster) -> tuple[Action[Host], ...]:
    """The catalogue of the pane."""
    commands = _Commands(roster)
    return (
        Action(
            id="fleet.exec",
            title="Run a command",
            key="x",
            risk=Risk.DISRUPTIVE,
            bind=commands.bind_exec,
            disabled=commands.why_not_exec,
            inputs=(
                Input("command", "Command", hint="run by the login shell of each host, for example: uptime"),
                Input("pattern", "Hosts", hint="empty: the marked ones; web[1-3], @role, env=prod", required=False),
                Input("timeout", "Time-out", default=f"{TIMEOUT_SECONDS:g}", hint="seconds for each host"),
            ),
        ),
        Action(
            id="fleet.rerun",
            title="Run again where it failed",
            key="X",
            risk=Risk.DISRUPTIVE,
            bind=commands.bind_rerun,
            disabled=commands.why_not_rerun,
            needs_items=False,
        ),
    )


class _Commands:
    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._last: Batch | None = None

    def why_not_exec(self, hosts: Sequence[Host]) -> str | None:
        locked = next((host.name for host in hosts if host.read_only), None)
        return f"{locked} is read-only" if locked else None

    def bind_exec(self, hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        pattern = inputs.get("pattern", "").strip()
        machines = self._roster.select(pattern) if pattern else self._of(hosts)
        try:
            seconds = float(inputs.get("timeout", "").strip() or TIMEOUT_SECONDS)
        except ValueError as error:
            raise errors.Refused(f"the time-out {inputs['timeout']!r} is not a number of seconds") from error
        return self._job(Order(machines, inputs.get("command", ""), seconds), "fleet.exec")

    def why_not_rerun(self, _: Sequence[Host]) -> str | None:
        if self._last is None:
            return "no command was run yet"
        if len(self._last.results) < len(self._last.order.machines):
            return "the last command is still running"
        return None if self._failed() else "the last command failed nowhere"

    def bind_rerun(self, _: Sequence[Host], __: Mapping[str, str]) -> Job:
        why = self.why_not_rerun(())
        if why is not None or self._last is None:
            raise errors.Refused(why or "no command was run yet")
        return self._job(replace(self._last.order, machines=self._failed()), "fleet.rerun")

    def _failed(self) -> tuple[Machine, ...]:
        if self._last is None:
            return ()
        now = self._roster.machines
        failed = [name for name, result in self._last.results.items() if result.state in AGAIN]
        return tuple(now[name] for name in failed if name in now)

    def _of(self, hosts: Sequence[Host]) -> tuple[Machine, ...]:
        now = self._roster.machines
        gone = [host.name for host in hosts if host.name not in now]
        if gone:
            raise errors.Refused(f"{fold(gone)}: no longer in the inventory")
        if not hosts:
            raise errors.Refused("no host is named; mark some, or write web[1-3], @role, env=prod")
        return tuple(now[host.name] for host in hosts)

    def _job(self, order: Order, action: str) -> Job:
        def keep(batch: Batch) -> None:
            self._last = batch

        return exec_job(self._roster, order, action=action, keep=keep)
