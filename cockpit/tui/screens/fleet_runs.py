"""The commands that were run on hosts, newest first, also by other cockpits of this user and before a kill -9."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from cockpit.fleet.results.columns import RUN_COLUMNS
from cockpit.fleet.results.outcome import FAILURES
from cockpit.fleet.results.record import RUNNING, RunSummary
from cockpit.fleet.run.watched import KeptRun
from cockpit.model.changes import Delta
from cockpit.session.fleet import FleetPane
from cockpit.tui.screens.fleet_run import kept_screen
from cockpit.tui.screens.fleet_run_keys import run_again
from cockpit.tui.screens.live import own_screen
from cockpit.tui.screens.table import TableScreen
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.session import Session

LOOK_SECONDS = 2.0


class RunsScreen(TableScreen[RunSummary]):
    """Enter opens one."""

    def __init__(self, session: Session, pane: FleetPane) -> None:
        super().__init__(
            "Past runs", RUN_COLUMNS, self._runs, sort="started", descending=True, empty="no command was run yet"
        )
        self._session, self._pane = session, pane
        self._history = pane.roster.past.history

    def own_hints(self) -> list[tuple[str, str]]:
        shown = self.cockpit.keymap.shown("runs.rerun")
        again = [(shown, "run again where it failed")] if self._may_change else []
        return [("enter", "open"), *again]

    def on_mount(self) -> None:
        super().on_mount()
        bind_to(self, self.cockpit.keymap.bindings(("runs",)))

    @property
    def _may_change(self) -> bool:
        return self.cockpit.keymap.action("fleet", "fleet.exec") is not None

    async def _runs(self) -> AsyncIterator[Delta[RunSummary]]:
        while True:
            runs = await asyncio.to_thread(self._history.runs)
            yield Delta(reset=True, upserts={run.key: run for run in runs})
            await asyncio.sleep(LOOK_SECONDS)

    @on(LiveTable.Activated)
    def _activated(self) -> None:
        run = self.table.current()
        if run is not None:
            begin(self, partial(self._open, run), group="open", exclusive=True)

    async def _open(self, run: RunSummary) -> None:
        screen = own_screen(self._session, run.key) or await kept_screen(self._session, run.key)
        if screen is None:
            self.app.notify("it is no longer kept", severity="warning")
        else:
            self.app.push_screen(screen)

    def action_rerun(self) -> None:
        run = self.table.current()
        if run is None:
            why = "no run is chosen"
        elif not self._may_change:
            why = "the fleet is read-only"
        elif run.state == RUNNING:
            why = "it has not ended"
        elif not any(count for outcome, count in run.counts.items() if outcome in FAILURES):
            why = "it failed nowhere; open it and mark hosts"
        else:
            begin(self, partial(self._rerun, run), group="dialog")
            return
        self.app.notify(f"Run again: {why}", severity="warning")

    async def _rerun(self, run: RunSummary) -> None:
        kept = await asyncio.to_thread(self._history.read, run.key)
        names = [line.host for line in kept.hosts if line.outcome in FAILURES]
        await run_again(self.cockpit, self._session, self._pane, KeptRun(self._history, kept).order, names)
