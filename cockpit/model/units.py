"""Numbers and durations as people read them."""

from __future__ import annotations

import math


def human_duration(seconds: float) -> str:
    """kubectl's HumanDuration (k8s.io/apimachinery/pkg/util/duration): "5s", "4m10s", "3h", "2d3h", "1y20d"."""
    total = int(seconds)
    if total < -1:
        return "<invalid>"
    total = max(0, total)
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{total}s"
    if minutes < 10:
        return _two(minutes, "m", total % 60, "s")
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"


def human_bytes(count: float) -> str:
    """Binary multiples with at most three digits: "512B", "1.5K", "20G"."""
    for unit in ("B", "K", "M", "G", "T"):
        if abs(count) < 1000 or unit == "T":
            break
        count /= 1024
    return f"{count:.0f}{unit}" if unit == "B" or abs(count) >= 10 else f"{count:.1f}{unit}"


def human_number(value: float) -> str:
    """At most four significant digits with a decimal multiple: "0.25", "1.5k", "NaN", "+Inf"."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    for unit in ("", "k", "M", "G", "T"):
        if abs(value) < 1000 or unit == "T":
            break
        value /= 1000
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{text}{unit}"
