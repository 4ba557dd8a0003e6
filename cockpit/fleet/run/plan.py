"""In which order the hosts of a run are taken, and when it stops by itself."""

from __future__ import annotations

import re

from msgspec import Struct

from cockpit.model import errors

FORKS = 100
"""Hosts in flight: high, to hide round trips; the engine bounds what costs CPU."""
MOST_FORKS = 1000
_LIMIT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(%?)(?:/(wave|run))?")
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(%?)")


class Limit(Struct, frozen=True):
    """So many failures are one too many. A share always says of what."""

    count: int = 0
    """More than so many failures stop the run."""
    percent: float | None = None
    """Instead of `count`."""
    of: str = "run"
    """"run": all hosts of the run; "wave": those of the wave under way."""

    def exceeded(self, failures: int, hosts: int) -> bool:
        """Both of the run, or both of the wave. Exact: 10% of 15 hosts is passed by the second failure."""
        if self.percent is None:
            return failures > self.count
        return failures * 100 > round(self.percent * hosts, 6)

    @property
    def words(self) -> str:
        """ "10% of the wave"."""
        return f"{self.count if self.percent is None else f'{self.percent:g}%'} of the {self.of}"


class Plan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The default takes all at once and stops for nothing."""

    canary: int = 0
    """So many hosts first; the run goes on only if every one of them succeeded."""
    wave: str = ""
    """Size of the waves after that: "20" hosts, or "25%" of the run; empty: one wave."""
    max_failures: str = ""
    """"3", "10%" (of the run) or "10%/wave"; empty: no limit. Unreached hosts do not count here."""
    max_unreachable: str = ""
    """The same for hosts that could not be reached."""
    forks: int = FORKS


def limit(text: str) -> Limit | None:
    """What a limit says; None: there is none. Raises errors.Refused."""
    if not text.strip():
        return None
    found = _LIMIT.fullmatch(text.strip())
    if found is None:
        raise errors.Refused(f"{text!r} is no limit; write 3, 10% (of the run) or 10%/wave")
    number, percent, of = found[1], found[2], found[3] or "run"
    if percent:
        if float(number) > 100:
            raise errors.Refused(f"{text!r} is more than all; write at most 100%")
        return Limit(percent=float(number), of=of)
    if "." in number:
        raise errors.Refused(f"{text!r} is no number of hosts; write 3, 10% (of the run) or 10%/wave")
    return Limit(int(number), of=of)


def waves(plan: Plan, hosts: int) -> tuple[range, ...]:
    """Places in the order, wave by wave, each of them once; with a canary that is the first wave.

    A share of the run is rounded down, to at least one host. Raises errors.Refused for what makes no sense.
    """
    if plan.canary < 0:
        raise errors.Refused(f"a canary of {plan.canary} hosts makes no sense; write 1, or nothing")
    if not 1 <= plan.forks <= MOST_FORKS:
        raise errors.Refused(f"{plan.forks} hosts at once cannot be; write 1 to {MOST_FORKS}")
    limit(plan.max_failures)
    limit(plan.max_unreachable)
    size = _wave_size(plan.wave, hosts)
    canary = min(plan.canary, hosts)
    first = [range(canary)] if canary else []
    rest = [range(start, min(start + size, hosts)) for start in range(canary, hosts, size)]
    return (*first, *rest)


def _wave_size(text: str, hosts: int) -> int:
    if not text.strip():
        return max(1, hosts)
    found = _SIZE.fullmatch(text.strip())
    if found is None or not float(found[1]) or ("." in found[1] and not found[2]):
        raise errors.Refused(f"{text!r} is no size of a wave; write 20, or 25% of the run")
    if not found[2]:
        return int(found[1])
    if float(found[1]) > 100:
        raise errors.Refused(f"{text!r} is more than all; write at most 100%")
    return max(1, int(round(float(found[1]) * hosts, 6) // 100))
