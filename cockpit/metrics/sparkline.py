"""A line of a range as block characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"
GAP = " "


def sparkline(times: Sequence[float], values: Sequence[float], start: float, end: float, width: int) -> str:
    """`width` characters for the time from `start` to `end`: the newest finite value of each, a gap where none is."""
    span = end - start
    slots: list[float | None] = [None] * width
    if span <= 0:
        return GAP * width
    for time, value in zip(times, values, strict=True):
        if start <= time <= end and math.isfinite(value):
            slots[min(width - 1, int((time - start) / span * width))] = value
    shown = [value for value in slots if value is not None]
    if not shown:
        return GAP * width
    low, high = min(shown), max(shown)
    half = high / 2 - low / 2  # of what may be more than a float holds
    if not half:
        return "".join(GAP if value is None else BLOCKS[0] for value in slots)
    top = len(BLOCKS) - 1
    return "".join(GAP if value is None else BLOCKS[round((value / 2 - low / 2) / half * top)] for value in slots)
