"""What the keys do on a run: to what is chosen in the view that is seen, and to the run as a whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on

from cockpit.fleet.fold import fold
from cockpit.fleet.results import export
from cockpit.fleet.results.search import pattern
from cockpit.fleet.run.columns import failed
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.run import RunState
from cockpit.fleet.run.watched import INTERRUPTED, Watched
from cockpit.model.errors import SourceError
from cockpit.session.fleet import FleetPane
from cockpit.tui.runs.hosts import HostsView
from cockpit.tui.runs.view import RunView
from cockpit.tui.screens.keyed import KeyedScreen
from cockpit.tui.screens.sure import SureScreen
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tui.app import Cockpit
    from cockpit.tui.offer import Offer
    from cockpit.tui.screens.help import HelpScreen

ENDS = (RunState.ENDED, INTERRUPTED)


class RunKeys(KeyedScreen):
    """Filter and copy of the current view, order of the hosts, and the commands of a run."""

    session: Session
    watched: Watched
    hosts: HostsView
    view: RunView
    """The one that is seen."""

    def focus_body(self) -> None:
        self.view.focus_body()

    def action_next(self) -> None:
        self.view.focus_next()

    @property
    def filter_sign(self) -> str:
        return f"{self.view.TITLE} /"

    def filter_text(self) -> str:
        return self.view.filter_text()

    def filter_by(self, text: str) -> str | None:
        return self.view.find(text)

    # -- commands ----------------------------------------------------------------------------------

    def offered(self) -> list[Offer]:
        from cockpit.tui import commands
        from cockpit.tui.offer import Offer

        sort = Offer(
            "sort", "Sort by a column", self.sort_hosts, self.cockpit.keymap.shown("app.sort"), self._sorts, "COLUMN"
        )
        return [*commands.of_place(self, "run", self.why_not), sort, *commands.of_app(self)]

    def help_screen(self) -> HelpScreen:
        from cockpit.tui import commands

        return commands.help_of_place(self, "A run", "run", self.why_not)

    def why_not(self, command_id: str) -> str:
        """Why a command cannot be given now; empty when it can."""
        live, state = self.watched.live, self.watched.state
        match command_id:
            case "run.output" | "run.describe":
                return "" if self.view.current() is not None else "no host is chosen"
            case "run.pause" | "run.abort" | "run.quota" if live is None:
                return "it has ended" if state in ENDS else "it runs in another cockpit"
            case "run.pause":
                return "" if state in (RunState.RUNNING, RunState.PAUSED) else _stands(state)
            case "run.abort":
                return "" if state in (RunState.WAITING, RunState.RUNNING, RunState.PAUSED) else _stands(state)
            case "run.quota":
                return "" if live is not None and live.waiting else "no host waits for room"
            case "run.rerun":
                return self._why_no_rerun()
            case "run.save" if state == RunState.WAITING:
                return _stands(state)
            case _:
                return ""

    def _why_no_rerun(self) -> str:
        if self.cockpit.keymap.action("fleet", "fleet.exec") is None:
            return "the fleet is read-only"
        if self.watched.state not in ENDS:
            return "it has not ended"
        return "" if self.again() else "it failed nowhere; mark hosts to run it on"

    def again(self) -> Sequence[str]:
        """Where it would be run again: on the marked hosts, else where it failed."""
        return self.view.chosen() or [row.name for row in self.watched.rows.values() if failed(row)]

    def _refused(self, command_id: str) -> bool:
        why = self.why_not(command_id)
        if why:
            title = next(command.title for command in self.cockpit.keymap.commands() if command.id == command_id)
            self.app.notify(f"{title}: {why}", severity="warning")
        return bool(why)

    def action_pause(self) -> None:
        live = self.watched.live
        if self._refused("run.pause") or live is None:
            return
        if live.state is RunState.PAUSED:
            live.resume()
        else:
            live.pause("paused by you")

    def action_abort(self) -> None:
        if not self._refused("run.abort"):
            begin(self, self._abort, group="dialog")

    async def _abort(self) -> None:
        live = self.watched.live
        rows = self.watched.rows.values()
        left = [row.name for row in rows if row.result is None]
        about = [self.watched.order.command, f"{len(left)} of {len(rows)} hosts have not ended: {fold(left)}"]
        if live is None or not await self.app.push_screen_wait(SureScreen("Abort this run?", about, "Abort the run")):
            return
        if live.state is RunState.WAITING:
            self.session.tasks.cancel(self.watched.id)
        else:
            live.abort("aborted by you")

    def action_quota(self) -> None:
        live = self.watched.live
        if not self._refused("run.quota") and live is not None:
            live.raise_quota()
            self.app.notify("as much again may be kept", timeout=3)

    def action_rerun(self) -> None:
        if not self._refused("run.rerun"):
            begin(self, self._rerun, group="dialog")

    async def _rerun(self) -> None:
        pane = self.session.panes["fleet"]
        assert isinstance(pane, FleetPane)
        await run_again(self.cockpit, self.session, pane, self.watched.order, self.again())

    def action_output(self) -> None:
        name = self.view.current()
        if name is not None:
            self.open_output(name)

    def open_output(self, name: str) -> None:
        """The output of a host over the whole screen."""
        from cockpit.tui.screens.fleet_output import HostOutputScreen

        names = [row.name for row in self.hosts.listing.window(0, len(self.hosts.listing))]
        self.app.push_screen(HostOutputScreen(self.watched, name, names if name in names else [name]))

    def action_describe(self) -> None:
        from cockpit.tui.runs.describe import described
        from cockpit.tui.screens.lines import LinesScreen

        name = self.view.current()
        if name is not None:
            row = self.watched.rows[name]
            self.app.push_screen(LinesScreen(f"How it ended · {name}", partial(described, self.watched, row)))

    def action_find(self) -> None:
        self.open_prompt("find", "search all output: ")

    def entered(self, mode: str, text: str) -> str | None:
        if mode != "find":
            return super().entered(mode, text)
        from cockpit.tui.screens.fleet_found import FoundScreen

        try:
            pattern(text)
        except SourceError as error:
            return str(error)
        self.app.push_screen(FoundScreen(self.watched, text))
        return None

    def action_save(self) -> None:
        if not self._refused("run.save"):
            begin(self, self._save, group="dialog")

    async def _save(self) -> None:
        from cockpit.tui.screens.save import SaveScreen

        pane = self.session.panes["fleet"]
        assert isinstance(pane, FleetPane)
        history = pane.roster.past.history

        async def write(path: Path) -> None:
            await asyncio.to_thread(lambda: export.save(history.read(self.watched.id), path))

        about = "as text; a name that ends in .md is written as Markdown, in .json as JSON"
        proposed = f"~/run-{self.watched.id}.md"
        path = await self.app.push_screen_wait(SaveScreen("Save this run", about, proposed, write))
        if path is not None:
            self.app.notify(f"written to {path}", timeout=6)

    @on(LiveTable.Activated)
    def _activated(self, event: LiveTable.Activated) -> None:
        event.stop()
        self.action_output()

    # -- keys that every screen has ----------------------------------------------------------------

    def action_quit(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        text = self.view.copied()
        if text:
            self.cockpit.copy(text)
        else:
            self.app.notify("nothing to copy")

    def action_reverse(self) -> None:
        self.hosts.reverse()

    def action_wide(self) -> None:
        self.view.toggle_wide()

    def action_sort(self) -> None:
        self.action_command("sort ")

    def sort_hosts(self, column_id: str) -> str | None:
        """`:sort COLUMN`; why not, or None."""
        known = [name for name, _ in self._sorts()]
        return None if self.hosts.sort_by(column_id) else f"sort by one of: {', '.join(known)}"

    def _sorts(self) -> list[tuple[str, str]]:
        return [(column.id, column.title) for column in self.hosts.listing.columns]


async def run_again(app: Cockpit, session: Session, pane: FleetPane, order: Order, names: Sequence[str]) -> None:
    """Ask what must be asked, then run it once more on these hosts. Call it from a worker; raises model.errors."""
    from cockpit.tui.deeds import Deeds

    password: str | None = ""
    if order.sudo:
        from cockpit.tui.screens.trust import SecretScreen

        about = f"For sudo as {order.sudo} on {fold(names)}; empty: it asks for none."
        password = await app.push_screen_wait(SecretScreen("Password", about))
    if password is not None:
        await Deeds(app, session).submit(pane.again(order, names, password), "Run again")


def _stands(state: str) -> str:
    return {RunState.WAITING: "it has not begun", RunState.STOPPING: "it is being stopped"}.get(
        RunState(state), "it has ended"
    )
