"""Lines with a text, in the output of all hosts of a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

from textual import on

from cockpit.fleet.results.columns import FOUND_COLUMNS, Found
from cockpit.fleet.results.search import MOST, Match, search
from cockpit.fleet.run.watched import Watched, said_so_far
from cockpit.model.changes import Delta
from cockpit.tui.lines import Piece
from cockpit.tui.screens.fleet_output import HostOutputScreen
from cockpit.tui.screens.table import TableScreen
from cockpit.tui.widgets.live_table import LiveTable

TOGETHER_SECONDS = 0.1


class FoundScreen(TableScreen[Found]):
    """Enter opens the output at the line."""

    def __init__(self, watched: Watched, text: str) -> None:
        super().__init__(
            f"Lines with {text}", FOUND_COLUMNS, self._changes_of, sort="host", empty=f"no host said {text}"
        )
        self._watched, self._text = watched, text
        self._searching = True

    def own_hints(self) -> list[tuple[str, str]]:
        return [("enter", "open there")]

    def state(self) -> list[Piece]:
        if self._searching:
            return [Piece("searching ... ", "busy")]
        hosts = len({found.match.host for found in self.box.listing.window(0, MOST)})
        more = f"the first {MOST:,}; " if self.box.listing.total >= MOST else ""
        return [Piece(f"{more}on {hosts} host{'' if hosts == 1 else 's'} ", "muted")]

    async def _changes_of(self) -> AsyncIterator[Delta[Found]]:
        yield Delta(reset=True)
        together: dict[str, Found] = {}
        loop = asyncio.get_running_loop()
        due, place = loop.time() + TOGETHER_SECONDS, 0
        matches = cast("AsyncGenerator[Match, None]", search(said_so_far(self._watched), self._text))
        async with aclosing(matches):
            async for match in matches:
                found = Found(place, match)
                together[found.key] = found
                place += 1
                if loop.time() >= due:
                    yield Delta(upserts=together)
                    together, due = {}, loop.time() + TOGETHER_SECONDS
        self._searching = False
        yield Delta(upserts=together)

    @on(LiveTable.Activated)
    def _activated(self) -> None:
        found = self.table.current()
        if found is not None:
            match = found.match
            text = "" if self._text.startswith("/") else self._text
            names = list(dict.fromkeys(each.match.host for each in self.box.listing.window(0, MOST)))
            self.app.push_screen(HostOutputScreen(self._watched, match.host, names, found=match, text=text))
