"""What a run would do, in words, without connecting to anything."""

from __future__ import annotations

from collections.abc import Iterator

from cockpit.fleet.fold import fold
from cockpit.fleet.resolved import way
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
        yield f"{machine.name}: {way(machine)}{' (production)' if machine.production else ''}"


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
