"""How groups of hosts, lines that were found and past runs look in rows."""

from __future__ import annotations

import time
from collections import Counter

from msgspec import Struct

from cockpit.fleet.fold import fold
from cockpit.fleet.results import record
from cockpit.fleet.results.groups import Group
from cockpit.fleet.results.outcome import FAILURES, Outcome
from cockpit.fleet.results.record import RunSummary
from cockpit.fleet.results.search import Match
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration

_TONES = {
    Outcome.OK: Tone.GOOD,
    Outcome.UNKNOWN_OUTCOME: Tone.WARN,
    Outcome.LOST_BEFORE_EXEC: Tone.WARN,
    Outcome.CANCELLED: Tone.MUTED,
    Outcome.SKIPPED: Tone.MUTED,
}


def outcome_tone(outcome: Outcome) -> Tone:
    """How an outcome is drawn."""
    return _TONES.get(outcome, Tone.BAD)


class GroupRow(Struct, frozen=True):
    """A group with its place: 0 is the oddest."""

    place: int
    group: Group

    @property
    def key(self) -> str:
        group, first = self.group, self.group.first
        return f"{group.outcome}/{group.exit_code}/{group.signal}/{first.stdout_digest}/{first.stderr_digest}"


def _outcome(row: GroupRow, _: float) -> Cell:
    tone = outcome_tone(row.group.outcome)
    return Cell(row.group.outcome.words, tone, GLYPHS[tone])


def _exit(row: GroupRow, _: float) -> Cell:
    code = row.group.exit_code
    return Cell(row.group.signal or ("" if code is None else str(code)))


def _size(row: GroupRow, _: float) -> Cell:
    first = row.group.first
    return Cell(human_bytes(first.stdout_bytes + first.stderr_bytes) if row.group.digest else "")


def _standing(row: GroupRow, _: float) -> Cell:
    return Cell("majority", Tone.MUTED) if row.group.majority else Cell("odd", Tone.WARN, GLYPHS[Tone.WARN])


GROUP_COLUMNS: tuple[Column[GroupRow], ...] = (
    Column("count", "#", 5, lambda r, _: Cell(str(len(r.group.lines))), lambda r: r.place, align="right"),
    Column("standing", "", 10, _standing, lambda r: r.group.majority),
    Column("outcome", "STATE", 17, _outcome, lambda r: r.group.outcome, least=13),
    Column("exit", "EXIT", 4, _exit, lambda r: -1 if r.group.exit_code is None else r.group.exit_code, align="right"),
    Column("size", "OUTPUT", 6, _size, lambda r: r.group.first.stdout_bytes, align="right"),
    Column("hosts", "HOSTS", 30, lambda r, _: Cell(fold(r.group.hosts)), lambda r: r.group.hosts, least=12),
    Column("why", "WHY", 20, lambda r, _: Cell(r.group.first.why), lambda r: r.group.first.why, wide=True, least=8),
)


class Found(Struct, frozen=True, gc=False):
    """A line that was found, with its place among all."""

    place: int
    match: Match

    @property
    def key(self) -> str:
        return str(self.place)


def _stream(found: Found, _: float) -> Cell:
    return Cell("stderr", Tone.WARN) if found.match.stderr else Cell("")


FOUND_COLUMNS: tuple[Column[Found], ...] = (
    Column(
        "host", "HOST", 12, lambda f, _: Cell(f.match.host), lambda f: f.place, least=8, elide="middle", frozen=True
    ),
    Column("line", "LINE", 7, lambda f, _: Cell(f"{f.match.number:,}"), lambda f: f.match.number, align="right"),
    Column("stream", "", 6, _stream, lambda f: f.match.stderr),
    Column("text", "TEXT", 60, lambda f, _: Cell(f.match.text.strip()), lambda f: f.match.text, least=20),
)

_STATE_TONES = {record.RUNNING: Tone.BUSY, record.ENDED: Tone.GOOD, record.INTERRUPTED: Tone.WARN}


def _failures(run: RunSummary) -> int:
    return sum(count for outcome, count in run.counts.items() if outcome in FAILURES)


def _state(run: RunSummary, _: float) -> Cell:
    failures = _failures(run)
    if run.state != record.ENDED or not failures:
        tone = _STATE_TONES.get(run.state, Tone.MUTED)
        return Cell(run.state, tone, GLYPHS[tone])
    return Cell(run.state, Tone.BAD, GLYPHS[Tone.BAD])


def _counted(run: RunSummary, _: float) -> Cell:
    counts = Counter(run.counts)
    said = [f"{counts[outcome]} {outcome.words}" for outcome in Outcome if counts[outcome]]
    return Cell(", ".join(said), Tone.BAD if _failures(run) else Tone.NORMAL)


def _when(run: RunSummary, now: float) -> Cell:
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started_at))
    return Cell(f"{at}  {human_duration(max(0.0, now - run.started_at))} ago", Tone.MUTED)


def _took(run: RunSummary, _: float) -> Cell:
    return Cell("" if run.ended_at is None else human_duration(max(0.0, run.ended_at - run.started_at)))


RUN_COLUMNS: tuple[Column[RunSummary], ...] = (
    Column("started", "WHEN", 26, _when, lambda r: r.started_at, clock=True, least=16),
    Column("state", "STATE", 13, _state, lambda r: (r.state, _failures(r)), least=11),
    Column("command", "COMMAND", 28, lambda r, _: Cell(r.command), lambda r: r.command, least=12),
    Column("count", "HOSTS", 5, lambda r, _: Cell(str(r.hosts)), lambda r: r.hosts, align="right"),
    Column("selection", "ON", 16, lambda r, _: Cell(r.selection), lambda r: r.selection, least=8),
    Column("counts", "RESULTS", 24, _counted, _failures, least=10),
    Column("took", "TOOK", 6, _took, lambda r: (r.ended_at or r.started_at) - r.started_at, align="right"),
    Column("why", "WHY", 20, lambda r, _: Cell(r.why, Tone.WARN), lambda r: r.why, wide=True, least=8),
    Column("who", "WHO", 8, lambda r, _: Cell(r.who, Tone.MUTED), lambda r: r.who, wide=True),
    Column("id", "ID", 10, lambda r, _: Cell(r.key, Tone.MUTED), lambda r: r.key, wide=True),
)  # fmt: skip
"""Sort by "started", newest first."""
