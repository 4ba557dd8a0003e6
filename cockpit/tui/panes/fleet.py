"""The fleet pane."""

from __future__ import annotations

from cockpit.tui.panes.table_pane import TablePane


class FleetPane(TablePane):
    NAME = "fleet"
    TITLE = "Fleet"

    def open_current(self) -> None:
        """Enter on a host whose key is in question asks about it."""
        from cockpit.fleet import host as states

        host = self.current()
        asks = host is not None and getattr(host, "state", "") == states.HOSTKEY
        if asks and self.keymap.action(self.NAME, "fleet.trust") is not None:
            self.action_run("fleet.trust")
        else:
            super().open_current()

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
