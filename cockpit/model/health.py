"""How far a source can be trusted right now. Instants are on the steady clock (`clock.steady`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct


class Unconfigured(Struct, frozen=True):
    """Nothing to read; `hint` says in one line what to write where."""

    hint: str


class Loading(Struct, frozen=True):
    """Being read for the first time."""

    since: float


class Live(Struct, frozen=True):
    """Whole and current as of `confirmed`."""

    confirmed: float


class Stale(Struct, frozen=True):
    """The last good items are shown; they may be wrong by now."""

    confirmed: float | None
    """None: never read."""
    why: str
    retry_at: float


class Denied(Struct, frozen=True):
    """The source refuses us; retried rarely."""

    confirmed: float | None
    why: str
    retry_at: float


Health: TypeAlias = Unconfigured | Loading | Live | Stale | Denied

_STATES: dict[type, str] = {
    Live: "live",
    Unconfigured: "unconfigured",
    Loading: "loading",
    Stale: "stale",
    Denied: "denied",
}
_ORDER = tuple(_STATES)


def state(health: Health) -> str:
    """The word for it: live, unconfigured, loading, stale or denied."""
    return _STATES[type(health)]


def worst(healths: Iterable[Health]) -> Health | None:
    """The one to show for several sources, of equals the one confirmed longest ago; None when there are none."""
    return max(healths, key=_badness, default=None)


def _badness(health: Health) -> tuple[int, float]:
    confirmed = getattr(health, "confirmed", 0.0)
    return _ORDER.index(type(health)), math.inf if confirmed is None else -confirmed
