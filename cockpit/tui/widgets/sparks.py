"""Numbers over time as rows of block characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOCKS = " ▁▂▃▄▅▆▇█"
STEPS = 8
"""Heights that one cell can show."""
NOISE = 1e-9
"""What differs by less, relative to the values, is the same: sums of floats differ in their last digits."""


def sparkline(points: Sequence[float | None], width: int, height: int = 1) -> list[str]:
    """`height` rows of `width` cells, the top row first, from the oldest point to the newest.

    Scaled from the lowest to the highest finite point, the lowest one step high; a gap (None, NaN) is blank, +Inf is
    full, -Inf one step. Fewer points than cells are drawn wider; of more, each cell shows the highest of its points,
    so a spike is never lost.
    """
    if width <= 0 or height <= 0:
        return [""] * max(0, height)
    cells = _resampled([_known(point) for point in points], width)
    finite = [value for value in cells if value is not None and math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    levels = [_level(value, low, high, height * STEPS) for value in cells]
    rows = []
    for row in range(height - 1, -1, -1):
        text = "".join(BLOCKS[max(0, min(STEPS, level - row * STEPS))] for level in levels)
        rows.append(text.rjust(width))
    return rows


def _known(point: float | None) -> float | None:
    return None if point is None or math.isnan(point) else point


def _resampled(points: list[float | None], width: int) -> list[float | None]:
    count = len(points)
    if count <= width:
        return [points[place * count // width] for place in range(width)] if count else []
    cells: list[float | None] = []
    for place in range(width):
        bucket = points[place * count // width : (place + 1) * count // width]
        cells.append(max((value for value in bucket if value is not None), default=None))
    return cells


def _level(value: float | None, low: float, high: float, top: int) -> int:
    """0 for a gap, else 1 to `top`."""
    if value is None:
        return 0
    if math.isinf(value):
        return top if value > 0 else 1
    # Halved, for high - low of two finite floats can overflow.
    span = high / 2 - low / 2
    if span <= NOISE * max(abs(low), abs(high)):
        return max(1, top // 2) if value else 1
    return 1 + round((value / 2 - low / 2) / span * (top - 1))
