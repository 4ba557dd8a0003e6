"""The pipelines pane."""

from __future__ import annotations

from cockpit.tui.panes.table_pane import TablePane


class PipelinesPane(TablePane):
    NAME = "pipelines"
    TITLE = "Pipelines"
