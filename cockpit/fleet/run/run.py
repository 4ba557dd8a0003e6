"""A run on its way: one command on many hosts by a plan, live, with a result for each host."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from msgspec import Struct

from cockpit.fleet.engine.link import Chunk
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.history import History, HostLine
from cockpit.fleet.results.outcome import HostResult, Phase
from cockpit.fleet.results.spool import HostOutput
from cockpit.fleet.run.order import Order
from cockpit.model.changes import Delta
from cockpit.tasks.action import Progress

FOLLOW_SECONDS = 0.05
"""Between two deltas of a follower."""


class RunState(enum.StrEnum):
    WAITING = "waiting"
    """For its locks and its lane: nothing was begun."""
    RUNNING = "running"
    PAUSED = "paused"
    """Nothing new is begun; hosts that run go on."""
    STOPPING = "stopping"
    """What runs is being ended."""
    ENDED = "ended"


class HostRow(Struct, frozen=True, gc=False):
    """One host of a run as a table shows it."""

    key: str
    """The name."""
    name: str
    address: str
    """With the port where it is not 22."""
    phase: Phase = Phase.QUEUED
    result: HostLine | None = None
    """Once it has ended."""
    begun: float | None = None
    """On the steady clock (model/clock.py); None: it waits for its turn."""
    wave: int = 0
    """Which one it is of, from 0."""
    out_bytes: int = 0
    """Of both streams so far."""
    lines: int = 0
    last_line: str = ""
    """Of its output; not made printable."""

    def seconds(self, now: float) -> float | None:
        """How long it has run, or ran. `now` is on the steady clock."""
        if self.result is not None:
            return self.result.duration_seconds
        return None if self.begun is None else max(0.0, now - self.begun)


class Listener(Protocol):
    """Who prints a run: told of everything at once, and awaited, so that a slow reader slows the hosts down."""

    async def output(self, machine: Machine, chunk: Chunk) -> None: ...

    async def ended(self, result: HostResult, output: HostOutput | None) -> None: ...


class Run:
    """An order on its way. Every machine gets exactly one result, cancelled or not."""

    id: str
    """The task's id; empty until it is begun."""
    order: Order
    state: RunState
    why: str
    """Why it is paused, or was stopped; why hosts wait (the quota)."""
    waves: tuple[range, ...]
    """Places in the order; with a canary that is the first one."""

    def __init__(
        self, order: Order, pool: Pool, history: History, *, attended: bool, listener: Listener | None = None
    ) -> None:
        """`attended`: somebody sees it who can resume it; else what would pause it stops it."""
        raise NotImplementedError

    @property
    def rows(self) -> Mapping[str, HostRow]:
        """By name, in the order of the run."""
        raise NotImplementedError

    async def run(self, progress: Progress) -> None:
        """To its end. Cancelled, it first stops what runs and looks that it has stopped.

        Raises CancelUnconfirmed when that is in doubt.
        """
        raise NotImplementedError

    def follow(self, period: float = FOLLOW_SECONDS) -> AsyncIterator[Delta[HostRow]]:
        """The whole at once, then the rows that changed; `health` is set when `state` or `why` did."""
        raise NotImplementedError

    def pause(self, why: str) -> None:
        """Begin nothing new; hosts that run go on."""
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    def abort(self, why: str = "aborted") -> None:
        """Begin nothing new and end what runs, confirmed."""
        raise NotImplementedError

    def output(self, name: str) -> HostOutput | None:
        """None: it said nothing yet."""
        raise NotImplementedError

    def raise_quota(self) -> None:
        """As much again may be kept; a full disk is tried again."""
        raise NotImplementedError
