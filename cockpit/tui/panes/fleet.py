"""The fleet pane."""

from __future__ import annotations

from cockpit.tui.panes.table_pane import TablePane


class FleetPane(TablePane):
    NAME = "fleet"
    TITLE = "Fleet"
