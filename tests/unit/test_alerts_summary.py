from __future__ import annotations

import json

import pytest

from cockpit.alerts.adapter import decode
from cockpit.alerts.alert import Alert, Summary, summary
from cockpit.alerts.columns import ALERT_COLUMNS
from cockpit.config.settings import MetricsSource, Settings
from cockpit.listing.cells import row
from cockpit.model import errors
from cockpit.session import alerts


def wire(
    name: str, severity: str | None, state: str = "firing", at: str = "2026-01-31T12:00:00.123456789Z"
) -> dict[str, object]:
    labels = {"alertname": name, "instance": "a:1"} | ({"severity": severity} if severity is not None else {})
    return {"labels": labels, "annotations": {"summary": f"{name}!"}, "state": state, "activeAt": at, "value": "1e+00"}


def read(*alerts: dict[str, object]) -> tuple[Alert, ...]:
    return decode(json.dumps({"status": "success", "data": {"alerts": alerts}}).encode(), "prom")


NOON = 1769860800.0


def test_the_header_counts_what_fires_and_names_the_worst() -> None:
    found = read(
        wire("A", "warning", at="2026-01-31T11:59:00Z"),
        wire("B", "critical", "pending"),
        wire("C", "Error"),
        wire("D", "odd"),
    )
    assert summary(found, NOON + 10) == Summary(3, "error", 70.0)
    assert summary([], NOON) == Summary(0, "", None)


def test_severities_have_an_order_and_unknown_words_pass_through() -> None:
    words = ["odd", "info", "warning", "error", "page", None]
    found = read(*(wire(f"N{i}", word) for i, word in enumerate(words)))
    order = sorted(found, key=ALERT_COLUMNS[0].sort_key)
    assert [alert.severity for alert in order] == ["page", "error", "warning", "info", "odd", "unknown"]
    pending = read(wire("P", "critical", "pending"))[0]
    assert sorted([pending, *order], key=ALERT_COLUMNS[0].sort_key)[-1] is pending


def test_a_row_shows_the_alert() -> None:
    alert = read(wire("ServiceDown", "critical"))[0]
    shown = {c.id: cell.text for c, cell in zip(ALERT_COLUMNS, row(ALERT_COLUMNS, alert, NOON + 65), strict=True)}
    assert (shown["name"], shown["severity"], shown["state"], shown["age"]) == (
        "ServiceDown",
        "critical",
        "firing",
        "64s",
    )
    assert (shown["subject"], shown["summary"]) == ("instance=a:1", "ServiceDown!")


@pytest.mark.parametrize("at", ["", "yesterday", "2026-01-31T12:00:00", "0001-01-01T00:00:00Z"])
def test_a_strange_time_is_no_crash(at: str) -> None:
    assert row(ALERT_COLUMNS, read(wire("A", "page", at=at))[0], NOON)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"data":{"alerts":[{"labels":1}]}}', b"[" * 99_999])
def test_another_answer_is_malformed(body: bytes) -> None:
    with pytest.raises(errors.Malformed, match="check the url"):
        decode(body, "prom")


def test_a_page_that_is_read_directly_has_no_alerts() -> None:
    sources = [MetricsSource(name="a", url="http://x"), MetricsSource(name="b", url="http://x", direct=True)]
    assert list(alerts.build(Settings(metrics=sources)).health) == ["a"]
