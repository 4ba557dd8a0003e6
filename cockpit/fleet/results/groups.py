"""Hosts by what came of them: who ended the same way with the same output is one group. The odd ones out come first."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from cockpit.fleet.fold import fold
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.results.record import HostLine


class Group(Struct, frozen=True):
    """Hosts of one outcome, exit status and output."""

    outcome: Outcome
    exit_code: int | None
    signal: str | None
    digest: str
    """See HostResult.digest; "" without output."""
    lines: tuple[HostLine, ...]
    """In the order of the run."""
    majority: bool
    """The largest; there is one where there are any hosts."""

    @property
    def first(self) -> HostLine:
        """Its output is that of all."""
        return self.lines[0]

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(line.host for line in self.lines)

    @property
    def title(self) -> str:
        """ "web[01-03] (3 hosts): nonzero, exit status 3"."""
        count = f" ({len(self.lines)} hosts)" if len(self.lines) > 1 else ""
        whys = list(dict.fromkeys(line.why for line in self.lines if line.why))
        why = f": {whys[0]}" if len(whys) == 1 else f": {whys[0]}; and {len(whys) - 1} other reasons" if whys else ""
        return f"{fold(self.hosts)}{count}: {self.outcome.words}{why}"


def group(lines: Iterable[HostLine]) -> tuple[Group, ...]:
    """The smallest first, the largest last; of equally large ones those that succeeded are the majority."""
    found: dict[tuple[object, ...], list[HostLine]] = {}
    for line in lines:
        key = (line.outcome, line.exit_code, line.signal, line.stdout_digest, line.stderr_digest)
        found.setdefault(key, []).append(line)
    ordered = sorted(found.values(), key=lambda same: (len(same), same[0].outcome is Outcome.OK))
    return tuple([_group(same, majority=same is ordered[-1]) for same in ordered])


def _group(same: list[HostLine], *, majority: bool) -> Group:
    first = same[0]
    return Group(first.outcome, first.exit_code, first.signal, first.digest, tuple(same), majority)
