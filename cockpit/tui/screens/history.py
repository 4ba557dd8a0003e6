"""What changed in the last hour: moments of all panes and own tasks, newest first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from msgspec import Struct

from cockpit.listing.cells import Cell, Column
from cockpit.model import clock
from cockpit.model.changes import Delta
from cockpit.model.moment import Moment
from cockpit.model.tone import GLYPHS
from cockpit.model.units import human_duration
from cockpit.triage.timeline import merged, task_moments
from cockpit.tui.screens.table import TableScreen

if TYPE_CHECKING:
    from cockpit.session.session import Session

HOUR_SECONDS = 3600.0
REFRESH_SECONDS = 5.0


class Entry(Struct, frozen=True):
    """A moment with its place in the list as the key."""

    key: str
    moment: Moment


def _when(entry: Entry, now: float) -> Cell:
    at = time.strftime("%H:%M:%S", time.localtime(entry.moment.at))
    return Cell(f"{at}  {human_duration(max(0.0, now - entry.moment.at))} ago")


def _what(entry: Entry, now: float) -> Cell:
    return Cell(entry.moment.text, entry.moment.tone, GLYPHS.get(entry.moment.tone, "·"))


COLUMNS: tuple[Column[Entry], ...] = (
    Column("at", "WHEN", 20, _when, lambda e: e.moment.at, clock=True),
    Column("pane", "WHERE", 9, lambda e, _: Cell(e.moment.pane), lambda e: e.moment.pane),
    Column("subject", "SUBJECT", 20, lambda e, _: Cell(e.moment.subject), lambda e: e.moment.subject),
    Column("what", "WHAT", 40, _what, lambda e: e.moment.text),
)


class HistoryScreen(TableScreen[Entry]):
    """Read from what the feeds hold; it asks no service."""

    def __init__(self, session: Session) -> None:
        super().__init__(
            "Changed in the last hour",
            COLUMNS,
            self._entries,
            sort="at",
            descending=True,
            empty="nothing has changed in the last hour, as far as the panes know",
        )
        self._session = session

    def action_history(self) -> None:
        """The key that opened it closes it."""
        self.dismiss(None)

    async def _entries(self) -> AsyncIterator[Delta[Entry]]:
        while True:
            found = self._found()
            yield Delta(reset=True, upserts={entry.key: entry for entry in found})
            await asyncio.sleep(REFRESH_SECONDS)

    def _found(self) -> list[Entry]:
        since = clock.wall() - HOUR_SECONDS
        moments = [
            moment for pane in self._session.panes.values() for moment in pane.moments(pane.feed.items.values(), since)
        ]
        moments += task_moments(self._session.tasks.records.values(), since)
        return [Entry(f"{m.at!r}/{m.pane}/{m.subject}/{m.text}", m) for m in merged(moments)]
