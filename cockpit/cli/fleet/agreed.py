"""Production, and a stated count of hosts, taken at their word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.fleet.machine import Machine


def agreed(machines: Sequence[Machine], yes: int | None, *, changes: bool = True) -> None:
    """Raises errors.Refused when `--yes` names another count, or production is among them and nothing was said.

    `changes` is false for a dry run, which needs no consent.
    """
    from cockpit.fleet.fold import fold
    from cockpit.model import errors

    count, names = len(machines), fold(machine.name for machine in machines)
    production = fold(machine.name for machine in machines if machine.production)
    if yes is not None and yes != count:
        raise errors.Refused(f"--yes={yes}, but these are {count}: {names}; write --yes={count}")
    if production and yes is None and changes:
        raise errors.Refused(f"{production} is in production; to do it on all {count} ({names}) write --yes={count}")
