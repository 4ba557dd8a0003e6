"""What fires now."""

from __future__ import annotations

from cockpit.alerts.alert import Alert
from cockpit.alerts.columns import ALERT_COLUMNS
from cockpit.feeds.feed import Feed
from cockpit.model.health import Unconfigured
from cockpit.tui.lines import Piece
from cockpit.tui.panes.frame import cause_pieces, state_pieces
from cockpit.tui.screens.table import TableScreen


class AlertsScreen(TableScreen[Alert]):
    """Firing and pending alerts of every Prometheus, the worst and oldest first."""

    def __init__(self, feed: Feed[Alert]) -> None:
        overall = feed.overall
        empty = overall.hint if isinstance(overall, Unconfigured) else "nothing fires and nothing is pending"
        super().__init__("Alerts", ALERT_COLUMNS, feed.follow, sort="severity", empty=empty)
        self._feed = feed

    def state(self) -> list[Piece]:
        why, again = cause_pieces(self._feed)
        return [*why, Piece("  "), *again, Piece("  "), *state_pieces(self._feed.overall), Piece(" ")]

    def action_alerts(self) -> None:
        """The key that opened it closes it."""
        self.dismiss(None)
