"""The pods pane."""

from __future__ import annotations

from cockpit.tui.panes.table_pane import TablePane


class PodsPane(TablePane):
    NAME = "pods"
    TITLE = "Pods"
