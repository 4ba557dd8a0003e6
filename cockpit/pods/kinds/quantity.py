"""resource.Quantity of the Kubernetes API (apimachinery pkg/api/resource/quantity.go), as far as numbers need it.

number = signed digits with at most one dot; suffix = n u m "" k M G T P E, Ki Mi Gi Ti Pi Ei, or e/E and an exponent
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

_QUANTITY = re.compile(
    r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40}))(?:([eE][+-]?\d{1,3})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?", re.ASCII
)
_MULTIPLES = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", *"MGTPE"), -3)}
_MULTIPLES |= {f"{unit}i": Fraction(1024) ** power for power, unit in enumerate("KMGTPE", 1)}
_MOST_EXPONENT = 18
"""2^63 is the largest that the API keeps exactly; an exponent beyond it is no honest quantity."""


class BadQuantity(ValueError):
    """Not a quantity."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Fraction:
    """The exact value. Raises BadQuantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise BadQuantity(text)
    number, exponent, suffix = match.groups()
    if exponent is None:
        return Fraction(number) * _MULTIPLES[suffix or ""]
    power = int(exponent[1:])
    if abs(power) > _MOST_EXPONENT:
        raise BadQuantity(text)
    return Fraction(number) * Fraction(10) ** power


@lru_cache(maxsize=4096)
def millicores_of(text: str | int | float) -> int:
    """Thousandths of a core, rounded up as Quantity.MilliValue does; 0 for what is no quantity."""
    return _up(text, 1000)


@lru_cache(maxsize=4096)
def bytes_of(text: str | int | float) -> int:
    """Bytes, rounded up as Quantity.Value does; 0 for what is no quantity."""
    return _up(text, 1)


def _up(text: str | int | float, times: int) -> int:
    try:
        value = parse(str(text)) * times
    except BadQuantity:
        return 0
    # Away from zero, as Go's ScaledValue rounds.
    whole = -(-abs(value.numerator) // value.denominator)
    return whole if value >= 0 else -whole
