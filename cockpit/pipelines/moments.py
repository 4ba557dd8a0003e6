"""Runs that ended, for the timeline of the last hour."""

from __future__ import annotations

from collections.abc import Iterable

from cockpit.model.moment import Moment
from cockpit.model.units import human_duration
from cockpit.pipelines.columns import state, tone
from cockpit.pipelines.run import Run


def moments(runs: Iterable[Run], since: float) -> list[Moment]:
    """A moment for each run that finished at `since` or later."""
    return [
        Moment(run.finished_at, "pipelines", run.repository, _text(run), tone(run))
        for run in runs
        if run.finished and run.finished_at is not None and run.finished_at >= since
    ]


def _text(run: Run) -> str:
    seconds = run.duration_seconds(run.finished_at or 0.0)
    after = "" if seconds is None else f" after {human_duration(seconds)}"
    why = f" ({run.reason})" if run.reason else ""
    return f"#{run.number} {run.name} on {run.ref}: {state(run)}{after}{why}"
