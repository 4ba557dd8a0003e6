"""What is to be run, on which machines, and how."""

from __future__ import annotations

from msgspec import Struct

from cockpit.fleet.machine import Machine
from cockpit.fleet.run.plan import Plan

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
