"""What a run would do, in words, without connecting to anything."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.fleet.fold import fold
from cockpit.fleet.machine import Machine
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.plan import limit, waves


def explain(order: Order) -> Iterator[str]:
    """A line each: the exact command, time-outs, waves, limits, and where every host really is.

    Raises errors.Refused for a plan that makes no sense.
    """
    yield f"command: {order.command}"
    if order.sudo:
        yield f"by sudo as {order.sudo}"
    connect = f", {order.connect_seconds:g} s to connect" if order.connect_seconds is not None else ""
    yield f"time-out: {order.timeout_seconds:g} s for the command on each host{connect}"
    if order.idempotent:
        yield "idempotent: once more where the connection is lost in the middle"
    yield from _plan(order)
    for machine in order.machines:
        yield f"{machine.name}: {_way(machine)}{' (production)' if machine.production else ''}"


def _plan(order: Order) -> Iterator[str]:
    plan, names = order.plan, [machine.name for machine in order.machines]
    groups = waves(plan, len(names))
    for number, group in enumerate(groups, 1):
        word = "canary" if number == 1 and plan.canary else f"wave {number} of {len(groups)}"
        if len(groups) > 1:
            yield f"{word}: {fold(names[place] for place in group)}"
    if plan.canary:
        yield "stops when a canary does not succeed"
    for text, words in ((plan.max_failures, "failed"), (plan.max_unreachable, "could not be reached")):
        bound = limit(text)
        if bound is not None:
            yield f"stops when more than {bound.words} {words}; hosts under way are left to end"
    if len(names) > plan.forks:
        yield f"{plan.forks} hosts at once"


def _way(machine: Machine) -> str:
    if machine.unsupported:
        return f"cannot be reached: {machine.unsupported}"
    if machine.transport == "local":
        return "this machine"
    if machine.proxy_command:
        return f"{_place(machine)} via {machine.proxy_command}"
    jumps = f" via {', '.join(_place(jump) for jump in machine.jumps)}" if machine.jumps else ""
    return f"{_place(machine)}{jumps}"


def _place(machine: Machine) -> str:
    address = f"[{machine.address}]" if ":" in machine.address else machine.address
    return f"{machine.user}@{address}:{machine.port}" if machine.user else f"{address}:{machine.port}"
