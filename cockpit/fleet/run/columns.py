"""How a host of a run looks in a row, and which hosts want a look first."""

from __future__ import annotations

from cockpit.fleet.results.columns import outcome_tone
from cockpit.fleet.results.outcome import FAILURES, NOT_RUN, Kill, Outcome, Phase
from cockpit.fleet.results.record import HostLine
from cockpit.fleet.run.rows import HostRow
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration

_URGENCY = {
    outcome: place
    for place, outcome in enumerate(
        (
            Outcome.UNKNOWN_OUTCOME, Outcome.TIMEOUT_CMD, Outcome.SIGNAL, Outcome.NONZERO, Outcome.AUTH,
            Outcome.HOSTKEY_CHANGED, Outcome.HOSTKEY_UNKNOWN, Outcome.LOST_BEFORE_EXEC, Outcome.TIMEOUT_CONNECT,
            Outcome.UNREACHABLE, Outcome.CANCELLED, Outcome.SKIPPED, Outcome.OK,
        )
    )
}  # fmt: skip
"""What must be looked at first stands first; what runs stands between the failures and the rest."""
_RUNS = _URGENCY[Outcome.CANCELLED]
_NEVER = 1e12
_WORDS = {Phase.CONNECT: "connecting", Phase.EXEC: "sending", Phase.RUN: "running", Phase.STOP: "stopping"}


def failed(row: HostRow) -> bool:
    """It ended, and not well; a host that was cancelled or skipped did not fail."""
    return row.result is not None and row.result.outcome in FAILURES


def _state(row: HostRow, _: float) -> Cell:
    if row.result is None:
        tone = Tone.MUTED if row.phase is Phase.QUEUED else Tone.BUSY
        return Cell(_WORDS.get(row.phase, row.phase.value), tone, GLYPHS[tone])
    tone = _tone(row.result)
    return Cell(row.result.outcome.words, tone, GLYPHS[tone])


def _tone(result: HostLine) -> Tone:
    """A cancelled host where the command may still run is not drawn as one where all is well."""
    tone = outcome_tone(result.outcome)
    return Tone.WARN if tone is Tone.MUTED and result.kill is Kill.UNCONFIRMED else tone


def _urgency(row: HostRow) -> tuple[int, str]:
    if row.result is not None:
        if row.result.kill is Kill.UNCONFIRMED:
            return (_URGENCY[Outcome.UNKNOWN_OUTCOME], row.result.outcome)
        place = _URGENCY[row.result.outcome]
        return (place + (place >= _RUNS) * 2, row.result.outcome)
    return (_RUNS + (row.phase is Phase.QUEUED), row.phase)


def _exit(row: HostRow, _: float) -> Cell:
    if row.result is None or (row.result.exit_code is None and not row.result.signal):
        return Cell("")
    text = row.result.signal or str(row.result.exit_code)
    return Cell(text, Tone.NORMAL if row.result.outcome is Outcome.OK else outcome_tone(row.result.outcome))


def _exit_key(row: HostRow) -> tuple[int, str]:
    if row.result is None:
        return (-2, "")
    return (-1 if row.result.exit_code is None else row.result.exit_code, row.result.signal or "")


def _time(row: HostRow, now: float) -> Cell:
    seconds = row.seconds(now)
    if seconds is None or (row.result is not None and row.result.outcome is Outcome.SKIPPED):
        return Cell("")
    return Cell(f"{seconds:.1f}s" if row.result is not None and seconds < 10 else human_duration(seconds))


def _time_key(row: HostRow) -> float:
    """What runs counts as longer than what has ended, the first begun as the longest."""
    if row.result is not None:
        return row.result.duration_seconds
    return -1.0 if row.begun is None else _NEVER - row.begun


def _bytes(row: HostRow, _: float) -> Cell:
    return Cell(human_bytes(row.out_bytes) if row.out_bytes else "")


def _lines(row: HostRow, _: float) -> Cell:
    return Cell(f"{row.lines:,}" if row.lines else "")


def _says(row: HostRow, _: float) -> Cell:
    """The last line; where the command did not run to its end, why."""
    result = row.result
    if result is None:
        return Cell(row.last_line, Tone.MUTED)
    if result.kill is Kill.UNCONFIRMED or result.outcome in NOT_RUN or not row.last_line:
        return Cell(_here(row.name, result.why), _tone(result))
    return Cell(row.last_line)


def _here(name: str, why: str) -> str:
    """Without the host, which its row names already: "web1 (10.0.0.1): no answer" -> "no answer"."""
    if not why.startswith((f"{name}: ", f"{name} (")):
        return why
    return why.partition(": " if why.startswith(f"{name}: ") else "): ")[2] or why


def search(row: HostRow) -> str:
    """Lower-case text that a filter looks into."""
    result = row.result
    words = [row.name, row.address, row.last_line, _WORDS.get(row.phase, row.phase.value) if result is None else ""]
    if result is not None:
        words += [result.outcome.words, result.why, result.digest, f"exit {result.exit_code}"]
    return " ".join(words).lower()


COLUMNS: tuple[Column[HostRow], ...] = (
    Column("host", "HOST", 12, lambda r, _: Cell(r.name), lambda r: r.name, least=8, elide="middle", frozen=True),
    Column("state", "STATE", 17, _state, _urgency, least=12),
    Column("exit", "EXIT", 4, _exit, _exit_key, align="right"),
    Column("time", "TIME", 6, _time, _time_key, align="right", clock=True),
    Column("bytes", "BYTES", 6, _bytes, lambda r: r.out_bytes, align="right"),
    Column("lines", "LINES", 6, _lines, lambda r: r.lines, align="right"),
    Column("says", "LAST LINE", 30, _says, lambda r: r.last_line, least=12),
    Column("wave", "WAVE", 4, lambda r, _: Cell(str(r.wave + 1)), lambda r: r.wave, align="right", wide=True),
    Column("address", "ADDRESS", 16, lambda r, _: Cell(r.address), lambda r: r.address, wide=True, least=10),
    Column(
        "digest", "DIGEST", 12, lambda r, _: Cell(r.result.digest if r.result else "", Tone.MUTED),
        lambda r: r.result.digest if r.result else "", wide=True,
    ),
    Column(
        "why", "WHY", 30, lambda r, _: Cell(r.result.why if r.result else ""),
        lambda r: r.result.why if r.result else "", wide=True, least=12,
    ),
)  # fmt: skip
"""`now` is on the steady clock."""
