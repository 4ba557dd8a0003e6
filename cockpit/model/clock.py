"""Two clocks. `wall` is for what people read; `steady` is for measuring how old something is.

`steady` keeps counting while the machine sleeps and never jumps when the wall clock is set: a laptop that wakes up
must not show an hour-old table as fresh.
"""

from __future__ import annotations

import time

_STEADY = getattr(time, "CLOCK_BOOTTIME", None)


def wall() -> float:
    """Unix seconds."""
    return time.time()


def steady() -> float:
    """Seconds since some fixed moment of this boot (CLOCK_BOOTTIME where there is one, see clock_gettime(2))."""
    return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


def to_wall(instant: float) -> float:
    """Unix seconds of an instant on the steady clock."""
    return wall() + (instant - steady())
