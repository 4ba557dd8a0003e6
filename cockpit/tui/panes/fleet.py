"""The fleet pane."""

from __future__ import annotations

from cockpit.tui.panes.table_pane import TablePane


class FleetPane(TablePane):
    NAME = "fleet"
    TITLE = "Fleet"

    def run_own(self, command_id: str) -> bool:
        if command_id != "fleet.runs":
            return False
        from cockpit.session.fleet import FleetPane as Fleet
        from cockpit.tui.screens.fleet_runs import RunsScreen
        from cockpit.tui.screens.pane_keys import PaneKeys

        session = self.screen.session if isinstance(self.screen, PaneKeys) else None
        if session is not None and isinstance(self.pane, Fleet):
            self.app.push_screen(RunsScreen(session, self.pane))
        return True
