"""What can be done to hosts: run a command on many by a plan, and once more where it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from msgspec import structs

from cockpit.config.commands import filled
from cockpit.config.settings import SavedCommand
from cockpit.fleet.engine.remote import unbroken
from cockpit.fleet.engine.sudo import Secret, Sudo
from cockpit.fleet.fold import fold, quoted
from cockpit.fleet.host import Host
from cockpit.fleet.results.record import RUNNING
from cockpit.fleet.roster import Roster
from cockpit.fleet.run.job import exec_job
from cockpit.fleet.run.order import TIMEOUT_SECONDS, Order, repeated
from cockpit.fleet.run.plan import Plan
from cockpit.fleet.run.run import Run
from cockpit.fleet.selection import ENDS
from cockpit.model import errors
from cockpit.tasks.action import Action, Input, Job, Progress, Risk

AGAIN = "last:failed"
"""Where a rerun goes. Not where the outcome is unknown: the command may have had its effect."""
_PLAN = (
    Input("canary", "Canary", hint="so many hosts first, for example 1; the rest only if they succeed", required=False),
    Input("wave", "Wave", hint="hosts at a time: 20, or 25% of the run; empty: all at once", required=False),
    Input("max_failures", "Most failures", hint="then it stops: 3, 10% (of the run), 10%/wave", required=False),
)
_PASSWORD = Input("password", "sudo password", hint="empty: sudo asks for none", required=False, secret=True)


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
                Input("pattern", "Hosts", hint="empty: the marked ones; web[1-3], @role, last:failed", required=False),
                Input("timeout", "Time-out", default=f"{TIMEOUT_SECONDS:g}", hint="seconds for each host"),
                *_PLAN,
                Input("sudo", "As user", hint="by sudo, for example root; empty: as you log in", required=False),
                _PASSWORD,
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
        *(commands.saved(saved) for saved in roster.fleet.commands),
    )


class _Commands:
    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def why_not_exec(self, hosts: Sequence[Host]) -> str | None:
        locked = next((host.name for host in hosts if host.read_only), None)
        return f"{locked} is read-only" if locked else None

    def bind_exec(self, hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        pattern = inputs.get("pattern", "").strip()
        machines = self._roster.select(pattern) if pattern else self._roster.of(hosts)
        order = Order(
            machines=machines,
            command=inputs.get("command", ""),
            plan=plan_of(inputs),
            timeout_seconds=_seconds(inputs.get("timeout", "")),
            sudo=inputs.get("sudo", "").strip(),
            selection=pattern or fold(machine.name for machine in machines),
        )
        return _job(self._roster, order, "fleet.exec", inputs.get("password", ""))

    def saved(self, saved: SavedCommand) -> Action[Host]:
        """A command of the configuration: in the palette and after `:`, without a key of its own."""
        hosts = Input("pattern", "Hosts", saved.selection, "empty: the marked ones; web[1-3], @role", required=False)
        return Action(
            id=f"fleet.run.{saved.name}",
            title=saved.title or saved.name,
            key="",
            risk=Risk(saved.risk),
            bind=partial(self._bind_saved, saved),
            disabled=self.why_not_exec,
            inputs=(
                *(
                    Input(f"value-{name}", name, value.default, value.pattern)
                    for name, value in saved.parameters.items()
                ),
                hosts,
                *((_PASSWORD,) if saved.sudo else ()),
            ),
            needs_items=not saved.selection,
        )

    def _bind_saved(self, saved: SavedCommand, hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        pattern = inputs.get("pattern", "").strip()
        machines = self._roster.select(pattern) if pattern else self._roster.of(hosts)
        order = Order(
            machines=machines,
            command=filled(saved, {name: inputs.get(f"value-{name}", "") for name in saved.parameters}),
            timeout_seconds=saved.timeout,
            sudo=saved.sudo,
            selection=pattern or fold(machine.name for machine in machines),
        )
        risk = Risk(saved.risk)
        return _job(self._roster, order, f"fleet.run.{saved.name}", inputs.get("password", ""), risk)

    def why_not_rerun(self, _: Sequence[Host]) -> str | None:
        last = self._roster.past.last
        if self._roster.past.running or (last is not None and last.summary.state == RUNNING):
            return "the last command is still running"
        if last is None:
            return "no command was run yet"
        if last.sudo:
            return "it ran by sudo: run it again from its own screen, which asks for the password"
        return None if any(line.outcome in ENDS["failed"] for line in last.hosts) else "the last command failed nowhere"

    def bind_rerun(self, _: Sequence[Host], __: Mapping[str, str]) -> Job:
        last = self._roster.past.last
        why = self.why_not_rerun(())
        if why is not None or last is None:
            raise errors.Refused(why or "no command was run yet")
        order = repeated(last, self._roster.select(AGAIN), AGAIN)
        return _job(self._roster, order, "fleet.rerun")


def again(roster: Roster, order: Order, names: Sequence[str], password: str = "") -> Job:
    """A run once more, on these of its hosts, as the inventories have them now; `password` is for its sudo.

    Raises errors.Refused.
    """
    machines = roster.select(",".join(quoted(name) for name in names)) if names else ()
    if not machines:
        raise errors.Refused("there is no host to run it on again")
    return _job(roster, structs.replace(order, machines=machines, selection=fold(names)), "fleet.rerun", password)


def _job(roster: Roster, order: Order, action: str, password: str = "", risk: Risk = Risk.DISRUPTIVE) -> Job:
    if password and not order.sudo:
        raise errors.Refused("the password is for sudo; say as which user")
    past = roster.past
    sudo = Sudo(order.sudo, Secret(password) if password else None) if order.sudo else None
    job = exec_job(Run(order, roster.pool, past.history, attended=True, sudo=sudo), action=action, risk=risk)

    async def noted(progress: Progress) -> None:
        past.running.add(progress.id)
        try:
            await job.run(progress)
        finally:
            past.running.discard(progress.id)
            await unbroken(asyncio.to_thread(past.refresh))

    return replace(job, run=noted)


def plan_of(inputs: Mapping[str, str]) -> Plan:
    """From the small inputs of a plan. Raises errors.Refused for a canary that is no number."""
    canary = inputs.get("canary", "").strip() or "0"
    if not (canary.isascii() and canary.isdigit()):
        raise errors.Refused(f"the canary {canary!r} is not a number of hosts")
    wave, failures = inputs.get("wave", "").strip(), inputs.get("max_failures", "").strip()
    return Plan(canary=int(canary), wave=wave, max_failures=failures)


def _seconds(text: str) -> float:
    try:
        return float(text.strip() or TIMEOUT_SECONDS)
    except ValueError as error:
        raise errors.Refused(f"the time-out {text!r} is not a number of seconds") from error
