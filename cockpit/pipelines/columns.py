"""How a run looks in a row."""

from __future__ import annotations

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pipelines.run import Run

_RESULTS = {
    "success": Tone.GOOD,
    "warning": Tone.WARN,
    "failed": Tone.BAD,
    "errored": Tone.BAD,
    "timed_out": Tone.BAD,
    "cancelled": Tone.MUTED,
    "skipped": Tone.MUTED,
    "neutral": Tone.MUTED,
}
_PHASES = {
    "running": Tone.BUSY,
    "cancelling": Tone.BUSY,
    "queued": Tone.MUTED,
    "blocked": Tone.WARN,
}
_ORDER = (
    "running",
    "cancelling",
    "blocked",
    "queued",
    "failed",
    "errored",
    "timed_out",
    "warning",
    "cancelled",
    "success",
)


def state(run: Run) -> str:
    """The one word for a run: its result, or its phase while there is none."""
    return run.phase if run.result is None else run.result


def tone(run: Run) -> Tone:
    """A word that is not known is a warning: somebody should look."""
    return (_PHASES if run.result is None else _RESULTS).get(state(run), Tone.WARN)


def _repository(run: Run, _: float) -> Cell:
    return Cell(run.repository, Tone.ACCENT if run.production else Tone.NORMAL)


def _run(run: Run, _: float) -> Cell:
    attempt = f" ({run.attempt})" if run.attempt > 1 else ""
    return Cell(f"#{run.number}{attempt} {run.name}".rstrip())


def _state(run: Run, _: float) -> Cell:
    mood = tone(run)
    return Cell(state(run), mood, GLYPHS[mood])


def _age(run: Run, now: float) -> Cell:
    return Cell(human_duration(max(0.0, now - run.created_at)), Tone.MUTED)


def _duration(run: Run, now: float) -> Cell:
    seconds = run.duration_seconds(now)
    return Cell("-", Tone.MUTED) if seconds is None else Cell(human_duration(seconds))


def _state_key(run: Run) -> tuple[int, str]:
    word = state(run)
    return (_ORDER.index(word) if word in _ORDER else -1, word)


PIPELINES_COLUMNS: tuple[Column[Run], ...] = (
    Column("state", "STATE", 11, _state, _state_key),
    Column("repository", "REPOSITORY", 12, _repository, lambda run: run.repository, least=8, elide="middle"),
    Column("run", "RUN", 20, _run, lambda run: (run.repository, run.number), least=12),
    Column("ref", "REF", 8, lambda run, _: Cell(run.ref), lambda run: run.ref, least=6),
    Column("sha", "SHA", 8, lambda run, _: Cell(run.sha[:8], Tone.MUTED), lambda run: run.sha, least=7),
    Column("age", "AGE", 5, _age, lambda run: run.created_at, align="right", clock=True),
    Column("duration", "TIME", 5, _duration, lambda run: run.duration_seconds(0) or 0.0, align="right", clock=True),
    Column("event", "EVENT", 6, lambda run, _: Cell(run.event), lambda run: run.event, wide=True),
    Column("actor", "ACTOR", 8, lambda run, _: Cell(run.actor), lambda run: run.actor, least=5),
    Column(
        "reason", "REASON", 12, lambda run, _: Cell(run.reason, Tone.MUTED), lambda run: run.reason, wide=True, least=8
    ),
    Column("source", "SOURCE", 6, lambda run, _: Cell(run.source), lambda run: run.source, wide=True),
)
