"""Runs of a `cockpit serve`, live: one list, then whatever changes as soon as it does.

The server answers a wait when something has changed or after ten seconds with nothing, so that a dead connection is
told from a quiet server. Raises `model.errors`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from cockpit.config.settings import PipelineSource
from cockpit.model.changes import Change, Confirm, Remove, Reset, Upsert
from cockpit.pipelines.connection import connect, run_of
from cockpit.pipelines.run import Run
from cockpit.pipelines.wire import RunInfo, RunList

KEEP = 100
"""The last runs of a source; the snapshot's contract."""
WAIT_SECONDS = 10
SILENCE_SECONDS = 25.0


class CockpitAdapter:
    """One configured source with provider "cockpit"."""

    def __init__(self, source: PipelineSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def silence(self) -> float | None:
        return SILENCE_SECONDS

    async def watch(self) -> AsyncIterator[Change[Run]]:
        async with connect(self._source) as connection:
            while True:
                listed = await connection.get("/api/v1/runs", RunList, limit=KEEP)
                known = {info.id for info in listed.runs}
                yield Reset(self._items(listed.runs))
                last = listed.last
                while True:
                    changed = await connection.get("/api/v1/events", RunList, after=last, wait=WAIT_SECONDS)
                    if changed.epoch != listed.epoch or changed.last < last:
                        break
                    last = changed.last
                    # A change of a run that is too old to be shown shows nothing.
                    newest = sorted(known | {info.id for info in changed.runs})[-KEEP:]
                    gone = known.difference(newest)
                    known = set(newest)
                    fresh = tuple(info for info in changed.runs if info.id in known)
                    if gone:
                        yield Remove(tuple(f"{self._source.name}/{run}" for run in gone))
                    yield Upsert(self._items(fresh)) if fresh else Confirm()

    def _items(self, infos: tuple[RunInfo, ...]) -> tuple[Run, ...]:
        return tuple(run_of(self._source, info) for info in infos)
