"""What fires now, wired."""

from __future__ import annotations

from cockpit.alerts.adapter import AlertsAdapter
from cockpit.alerts.alert import Alert, Summary, summary
from cockpit.alerts.columns import ALERT_COLUMNS, severity_tone
from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed

__all__ = ["ALERT_COLUMNS", "Alert", "Summary", "build", "severity_tone", "summary"]

HINT = "no [[metrics]] source is a Prometheus, and alerts come from there"


def build(settings: Settings) -> Feed[Alert]:
    """Of every configured Prometheus; a page that is read directly has no alerts. No I/O."""
    return Feed([AlertsAdapter(source) for source in settings.metrics if not source.direct], hint=HINT)
