"""How the texts of the server's cells sort: numbers, ages, quantities and shares by what they mean, others as text."""

from __future__ import annotations

import re
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool

_DURATION = re.compile(r"(?:\d+[ydhms])+")
_PART = re.compile(r"(\d+)([ydhms])")
_SECONDS = {"y": 365 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}
_QUANTITY = re.compile(r"(-?\d+(?:\.\d+)?)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|%)?")
_MULTIPLE = {"": 1.0, "%": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3}
_MULTIPLE |= {unit: 1000.0 ** (place + 2) for place, unit in enumerate("MGTPE")}
_MULTIPLE |= {f"{unit}i": 1024.0 ** (place + 1) for place, unit in enumerate("KMGTPE")}
_SHARE = re.compile(r"(\d+)/(\d+)")
_NOTHING = frozenset(("", "<none>", "<unknown>", "<unset>"))


def magnitude(value: Scalar, *, duration: bool = False) -> tuple[int, float, str]:
    """Comparable with each other: numbers, then texts, then nothing. `duration`: "5m" is minutes and not five milli.

    A share ("1/3") sorts by what is missing of it, as the READY of pods.
    """
    if not isinstance(value, str):
        return 0, float(value), ""
    text = value.strip()
    if text in _NOTHING:
        return 2, 0.0, ""
    if share := _SHARE.fullmatch(text):
        have, all_of_it = int(share[1]), int(share[2])
        return 0, float(have - all_of_it), f"{all_of_it:09d}"
    first = text.partition(" ")[0] if text.endswith(")") else text  # "3 (5m ago)"
    ago = text.removesuffix(" ago")
    if not duration and (quantity := _QUANTITY.fullmatch(first)):
        return 0, float(quantity[1]) * _MULTIPLE[quantity[2] or ""], ""
    if _DURATION.fullmatch(ago):
        return 0, float(sum(int(count) * _SECONDS[unit] for count, unit in _PART.findall(ago))), ""
    if quantity := _QUANTITY.fullmatch(first):
        return 0, float(quantity[1]) * _MULTIPLE[quantity[2] or ""], ""
    return 1, 0.0, text.casefold()
