"""An alert that a Prometheus says is pending or firing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

_WEIGHTS = {"critical": 0, "page": 0, "error": 1, "warning": 2, "info": 3}
"""Of severities, the worst the least; any other word counts as less than these, and is shown as it is."""
UNKNOWN = "unknown"

Labels = tuple[tuple[str, str], ...]


class Alert(Struct, frozen=True, gc=False):
    source: str
    name: str
    severity: str
    """The label of that name in lower case, or "unknown"."""
    state: str
    """"firing" or "pending"; what else a server says passes through."""
    labels: Labels
    """Sorted, with `alertname` and `severity`."""
    annotations: Labels
    active_at: float | None
    """Unix seconds; None: not said."""
    value: str
    """Of the expression, as the server writes it."""

    @property
    def key(self) -> str:
        return f"{self.source}/" + ",".join(f"{name}={value!r}" for name, value in self.labels)

    @property
    def summary(self) -> str:
        said = dict(self.annotations)
        return said.get("summary") or said.get("description") or said.get("message") or ""

    @property
    def subject(self) -> str:
        """What it is about: the labels other than its name and severity."""
        return " ".join(f"{k}={v}" for k, v in self.labels if k not in ("alertname", "severity"))

    @property
    def firing(self) -> bool:
        return self.state == "firing"


class Summary(Struct, frozen=True):
    """What fires now, for the header."""

    firing: int
    worst: str
    """A severity; empty when nothing fires."""
    oldest_seconds: float | None
    """How long the longest has been active; None when nothing fires or nobody says."""


def weight(severity: str) -> int:
    """0 is the worst."""
    return _WEIGHTS.get(severity, len(_WEIGHTS))


def summary(alerts: Iterable[Alert], now: float) -> Summary:
    """`now` in Unix seconds. Pending alerts do not count."""
    firing = [alert for alert in alerts if alert.firing]
    worst = min((alert.severity for alert in firing), key=weight, default="")
    oldest = min((alert.active_at for alert in firing if alert.active_at is not None), default=None)
    return Summary(len(firing), worst, None if oldest is None else max(0.0, now - oldest))
