"""The list of alerts."""

from __future__ import annotations

from cockpit.alerts.alert import Alert, weight
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration


def severity_tone(severity: str) -> Tone:
    """How loud a severity is."""
    match weight(severity):
        case 0 | 1:
            return Tone.BAD
        case 2:
            return Tone.WARN
        case _:
            return Tone.ACCENT


def _severity(alert: Alert, _: float) -> Cell:
    tone = severity_tone(alert.severity)
    return Cell(alert.severity, tone, GLYPHS.get(tone, "●"))


def _state(alert: Alert, _: float) -> Cell:
    return Cell(alert.state, Tone.BAD if alert.firing else Tone.BUSY if alert.state == "pending" else Tone.NORMAL)


def _age(alert: Alert, now: float) -> Cell:
    return Cell("-" if alert.active_at is None else human_duration(max(0.0, now - alert.active_at)))


def _rank(alert: Alert) -> tuple[int, int, float, str]:
    return (0 if alert.firing else 1, weight(alert.severity), alert.active_at or 0.0, alert.name)


ALERT_COLUMNS: tuple[Column[Alert], ...] = (
    Column("severity", "SEVERITY", 10, _severity, _rank),
    Column("name", "ALERT", 20, lambda a, _: Cell(a.name), lambda a: a.name.lower(), least=14),
    Column("state", "STATE", 8, _state, lambda a: a.state),
    Column("age", "AGE", 6, _age, lambda a: -(a.active_at or 0.0), align="right", clock=True),
    Column("subject", "ABOUT", 30, lambda a, _: Cell(a.subject), lambda a: a.subject, least=12),
    Column("summary", "SUMMARY", 40, lambda a, _: Cell(a.summary), lambda a: a.summary, least=16),
    Column("value", "VALUE", 8, lambda a, _: Cell(a.value), lambda a: a.value, align="right", wide=True),
    Column("source", "SOURCE", 8, lambda a, _: Cell(a.source, Tone.MUTED), lambda a: a.source, least=5),
)
"""Sorted by severity they stand as one would read them: firing first, the worst first, the oldest first."""
