"""In which order the hosts of a run are taken, and when it stops by itself."""

from __future__ import annotations

from msgspec import Struct

FORKS = 100
"""Hosts in flight: high, to hide round trips; the engine bounds what costs CPU."""


class Limit(Struct, frozen=True):
    """So many failures are one too many. A share always says of what."""

    count: int = 0
    """More than so many failures stop the run."""
    percent: float | None = None
    """Instead of `count`."""
    of: str = "run"
    """"run": all hosts of the run; "wave": those of the wave under way."""


class Plan(Struct, frozen=True, kw_only=True):
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
