"""Durations as Prometheus writes them, and the step of a range."""

from __future__ import annotations

import math
import re

from cockpit.model import errors

POINTS = 240
"""Points a range has at most: two for each of about 120 columns."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_UNITS = {"y": 365 * 86400.0, "w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_MOST_SECONDS = 20 * 365 * 86400.0


def duration(text: str) -> float:
    """Seconds of "1h30m" (prometheus/common model.ParseDuration: units in falling order). Raises errors.Refused."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or match.lastindex is None or len(text) > 40:
        raise errors.Refused(f"{text[:40]!r} is not a duration; write it like 15m, 1h30m or 7d")
    seconds = math.fsum(int(count) * unit for count, unit in zip(match.groups(), _UNITS.values(), strict=True) if count)
    if not 0 < seconds <= _MOST_SECONDS:
        raise errors.Refused(f"{text[:40]!r} is no usable duration; write it like 15m, 1h30m or 7d")
    return seconds


def step_for(range_seconds: float) -> float:
    """The smallest even step that gives at most `POINTS` points."""
    wanted = range_seconds / POINTS
    return next((float(step) for step in _STEPS if step >= wanted), 86400.0 * math.ceil(wanted / 86400))


def stepped(range_seconds: float) -> float:
    """The range made longer to a whole number of its steps."""
    step = step_for(range_seconds)
    return math.ceil(range_seconds / step) * step


def aligned(instant: float, step: float) -> float:
    """The newest multiple of `step` that is not after `instant`, so that two refreshes ask for the same moments."""
    return math.floor(instant / step) * step
