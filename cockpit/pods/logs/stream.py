"""One container's log among several: who speaks, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GOES_ON, NOTICE, MORE = 0x8000, 0x4000, 0x2000
"""Bits of a line's tag beside the number of its stream: it continues the line before it; cockpit says it; the next one
of its stream continues it."""
NUMBER = MORE - 1
EVERY = NUMBER
"""The number that stands for no stream in particular: what is said of the whole, and streams beyond the number."""


class State(Enum):
    WAITING = "waiting"
    OPEN = "open"
    ENDED = "ended"


@dataclass(slots=True)
class Stream:
    """Its number is what lines are tagged with."""

    number: int
    source: str
    namespace: str
    pod: str
    container: str
    alone: bool
    """The pod has no other container that is followed: its name need not be said."""
    state: State = State.WAITING
    lines: int = 0
    failure: str = ""
    """What it could not be read for; empty while it can."""

    @property
    def prefix(self) -> str:
        """As kubectl's --prefix, shorter."""
        return self.pod if self.alone else f"{self.pod}/{self.container}"
