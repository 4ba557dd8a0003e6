"""What is to be run, on which machines, and how."""

from __future__ import annotations

import math

from msgspec import Struct, convert

from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import RunRecord
from cockpit.fleet.run.plan import Plan
from cockpit.model import errors

TIMEOUT_SECONDS = 60.0


class Order(Struct, frozen=True, kw_only=True):
    """A run as it was asked for. It holds no secret: it is shown, recorded and repeated."""

    machines: tuple[Machine, ...]
    """In the order in which they are begun."""
    command: str
    """Run by the login shell of each host."""
    plan: Plan = Plan()
    timeout_seconds: float = TIMEOUT_SECONDS
    """For the command on each host, from when it was sent; the time in which we made it wait does not count."""
    connect_seconds: float | None = None
    """For the way to each host; None: as the machine or the pool has it."""
    sudo: str = ""
    """The user to become by sudo; empty: nobody else."""
    idempotent: bool = False
    """May be run once more on a host whose connection was lost in the middle."""
    selection: str = ""
    """As it was typed."""


def repeated(kept: RunRecord, machines: tuple[Machine, ...], selection: str) -> Order:
    """The command and the plan of a past run, on these machines."""
    return Order(
        machines=machines,
        command=kept.summary.command,
        plan=convert(kept.plan, Plan),
        timeout_seconds=kept.timeout_seconds,
        connect_seconds=kept.connect_seconds,
        sudo=kept.sudo,
        idempotent=kept.idempotent,
        selection=selection,
    )


def check(order: Order) -> None:
    """Raises errors.Refused for an empty command or a time-out that makes no sense."""
    if not order.command.strip() or "\0" in order.command:
        raise errors.Refused("there is no command; write one, for example: uptime")
    if not (math.isfinite(order.timeout_seconds) and order.timeout_seconds > 0):
        raise errors.Refused("the time-out must be more than 0 seconds")
    connect = order.connect_seconds
    if connect is not None and not (math.isfinite(connect) and connect > 0):
        raise errors.Refused("the time-out for connecting must be more than 0 seconds")
