"""A run as a job of the task manager: exclusive on each of its hosts."""

from __future__ import annotations

from cockpit.fleet.fold import fold
from cockpit.fleet.machine import Machine
from cockpit.fleet.run.explain import explain
from cockpit.fleet.run.run import Run
from cockpit.tasks.action import Job, Risk, Target

LANE = "fleet"
STOP_SECONDS = 20.0
"""For all hosts of a cancelled run to confirm that nothing runs any more."""
SHOWN_CHARS = 160
"""Of a command, in questions and in the journal's sentence."""


def target(machine: Machine) -> Target:
    """A host as locks, questions and the journal know it."""
    return Target(machine.lock, machine.name, machine.production, machine.read_only)


def exec_job(run: Run, *, action: str = "fleet.exec", risk: Risk = Risk.DISRUPTIVE) -> Job:
    """The job of a run, which is `live` in it. The task's id is the run's."""
    order = run.order
    names = fold(machine.name for machine in order.machines)
    count = len(order.machines)
    shown = order.command if len(order.command) <= SHOWN_CHARS else f"{order.command[:SHOWN_CHARS]}..."
    by = f" by sudo as {order.sudo}" if order.sudo else ""
    return Job(
        action=action,
        sentence=f"Run `{shown}`{by} on {count} host{'s' if count != 1 else ''}: {names}",
        targets=tuple(target(machine) for machine in order.machines),
        run=run.run,
        risk=risk,
        lane=LANE,
        timeout_seconds=None,
        stop_seconds=STOP_SECONDS,
        exclusive=frozenset(machine.lock for machine in order.machines),
        preview=tuple(explain(order)),
        live=run,
    )
