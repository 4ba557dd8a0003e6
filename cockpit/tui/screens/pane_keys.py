"""What the keys do on a screen that shows panes: all of them go to the current one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from cockpit.listing.filter import BadFilter
from cockpit.tui.panes.frame import PaneFrame
from cockpit.tui.screens.keyed import KeyedScreen
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tui.commands import Offer
    from cockpit.tui.deeds import Deeds
    from cockpit.tui.screens.help import HelpScreen


class PaneKeys(KeyedScreen):
    """Filter, order, copy, the pane's own views, drills and actions, and the screens above it."""

    current: PaneFrame
    """The pane that the keys go to."""
    session: Session | None = None
    deeds: Deeds | None = None

    def offered(self) -> list[Offer]:
        from cockpit.tui import commands

        return commands.of_pane(self)

    def help_screen(self) -> HelpScreen:
        from cockpit.tui import commands

        return commands.help_of_pane(self)

    def focus_body(self) -> None:
        self.current.focus_body()

    # -- filter and order --------------------------------------------------------------------------

    @property
    def filter_sign(self) -> str:
        return f"{self.current.TITLE} /"

    def filter_text(self) -> str:
        return self.current.filter_text()

    def filter_by(self, text: str) -> str | None:
        """`:filter TEXT`; why not, or None."""
        try:
            self.current.set_filter(text)
        except BadFilter as error:
            return str(error)
        return None

    def action_sort(self) -> None:
        if self.current.sort_choices():
            self.action_command("sort ")

    def sort_by(self, column_id: str) -> str | None:
        """`:sort COLUMN`; why not, or None."""
        known = [name for name, _ in self.current.sort_choices()]
        if column_id not in known:
            return f"sort by one of: {', '.join(known)}" if known else "this pane has no columns to sort by"
        self.current.set_sort(column_id)
        return None

    def action_reverse(self) -> None:
        self.current.reverse()

    def action_wide(self) -> None:
        self.current.toggle_wide()

    def action_copy(self) -> None:
        text = self.current.copied()
        if text:
            self.cockpit.copy(text)
        else:
            self.app.notify("nothing to copy")

    # -- screens above -----------------------------------------------------------------------------

    def action_tasks(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.tasks import TasksScreen

            self.app.push_screen(TasksScreen(self.session))

    def action_alerts(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.alerts import AlertsScreen

            self.app.push_screen(AlertsScreen(self.session.alerts))

    def action_history(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.history import HistoryScreen

            self.app.push_screen(HistoryScreen(self.session))

    # -- a pane's own views, drills and actions ----------------------------------------------------

    def action_run(self, command_id: str) -> None:
        """A key of the current pane's own."""
        self.current.action_run(command_id)

    @on(PaneFrame.Wanted)
    def _wanted(self, event: PaneFrame.Wanted) -> None:
        if self.deeds is not None:
            begin(self, partial(self.deeds.run, event.command_id, event.frame), group="dialog")
