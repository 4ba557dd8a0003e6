"""Which host of a run may be begun next, and when no more may be: the plan at work, without hosts, time or I/O.

Hosts are places in the order. Known bugs of a peer that this does not have: a batch that failed as a whole stops the
run whatever its limit says (ansible #82267, #76915), and nobody knows what a percentage is of (#33672).
"""

from __future__ import annotations

from cockpit.fleet.results.outcome import FAILURES, UNREACHED, Outcome
from cockpit.fleet.run.plan import Limit, Plan, limit, waves

BREAKER_LOGINS = 20
"""The first logins of a run, which the breaker looks at."""
BREAKER_REFUSALS = 5
"""So many of them refused: a wrong key or password for the whole fleet, which servers count against us."""


class Course:
    """Every host is taken at most once and in the order; a wave begins when the one before has ended."""

    def __init__(self, plan: Plan, hosts: int) -> None:
        """Raises errors.Refused for a plan that makes no sense."""
        self.waves = waves(plan, hosts)
        self.stopped = ""
        """Why no more may be begun; empty: more may."""
        self._plan = plan
        self._hosts = hosts
        self._limits = [
            (limit(plan.max_failures), "failed", _Count(FAILURES - UNREACHED)),
            (limit(plan.max_unreachable), "could not be reached", _Count(UNREACHED)),
        ]
        self._wave = 0
        self._next = 0
        self._flying: set[int] = set()

    def take(self) -> int | None:
        """The next host, which is under way from now on; None: none may be begun now."""
        if self.stopped or self._next == self._hosts or len(self._flying) >= self._plan.forks:
            return None
        if self._next == self.waves[self._wave].stop:
            if self._flying:
                return None
            self._wave += 1
            for _, _, count in self._limits:
                count.wave = 0
        place = self._next
        self._next += 1
        self._flying.add(place)
        return place

    def end(self, place: int, outcome: Outcome) -> None:
        """A host that was taken has ended."""
        self._flying.remove(place)
        canary = min(self._plan.canary, self._hosts)
        if place < canary and outcome is not Outcome.OK:
            self.stop(f"the canary ended as {outcome.words}" if canary == 1 else f"a canary ended as {outcome.words}")
        for bound, words, count in self._limits:
            if outcome in count.of:
                count.run += 1
                count.wave += 1
                self._check(bound, words, count)

    def stop(self, why: str) -> None:
        """Begin no more. The first reason stays."""
        self.stopped = self.stopped or why

    @property
    def flying(self) -> int:
        """Hosts under way."""
        return len(self._flying)

    @property
    def over(self) -> bool:
        """Nothing is under way and nothing more will be."""
        return not self._flying and (bool(self.stopped) or self._next == self._hosts)

    def _check(self, bound: Limit | None, words: str, count: _Count) -> None:
        if bound is None:
            return
        whole_run = bound.of == "run"
        failures, hosts = (count.run, self._hosts) if whole_run else (count.wave, len(self.waves[self._wave]))
        if bound.exceeded(failures, hosts):
            self.stop(f"{failures} of {hosts} hosts of the {bound.of} {words}, more than {bound.words}")


class _Count:
    def __init__(self, of: frozenset[Outcome]) -> None:
        self.of = of
        self.run = 0
        self.wave = 0


class Breaker:
    """Trips once when many of the first logins of a run are refused."""

    def __init__(self) -> None:
        self._answered = 0
        self._refused = 0

    def answered(self, *, refused: bool) -> bool:
        """Another login, or password of sudo, was answered; True: it trips now."""
        if self._answered >= BREAKER_LOGINS or self._refused >= BREAKER_REFUSALS:
            return False
        self._answered += 1
        self._refused += refused
        return self._refused >= BREAKER_REFUSALS
