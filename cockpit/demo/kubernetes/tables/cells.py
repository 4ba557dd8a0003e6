"""What the printers share: ages (apimachinery's duration.HumanDuration), columns, selectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.store import parse_stamp

NONE = "<none>"
UNKNOWN = "<unknown>"
UNSET = "<unset>"
Column = tuple[str, str, int]  # name, type, priority; priority 1 shows in wide output
Cells = Callable[[Object, float], list[Any]]  # an object, now in Unix seconds
Printer = tuple[tuple[Column, ...], Cells]

NAME: Column = ("Name", "string", 0)
AGE: Column = ("Age", "string", 0)
WORKLOAD: tuple[Column, ...] = (AGE, ("Containers", "string", 1), ("Images", "string", 1), ("Selector", "string", 1))


def human_duration(seconds: float) -> str:
    """duration.HumanDuration: two units where the first is small, else one."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    hours = whole // 3600
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // 24 // 365
    if hours < 24 * 365 * 8:
        return f"{years}y{days % 365}d" if days % 365 else f"{years}y"
    return f"{years}y"


def since(text: str | None, now: float) -> str:
    moment = parse_stamp(text)
    return UNKNOWN if moment is None else human_duration(now - moment)


def age(item: Object, now: float) -> str:
    return since(item["metadata"].get("creationTimestamp"), now)


def holds(status: Object, condition: str) -> bool:
    return any(c.get("type") == condition and c.get("status") == "True" for c in status.get("conditions") or ())


def containers(template: Object | None) -> tuple[str, str]:
    """Names and images of a pod template's containers."""
    found = dig(template or {}, "spec.containers") or ()
    return ",".join(c["name"] for c in found), ",".join(c.get("image", "") for c in found)


def pairs(labels: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector(item: Object) -> str:
    return pairs(dig(item, "spec.selector.matchLabels"))
