"""kubectl's columns: rebuilt from the printer's algorithm and its tables (printers_test.go, TestPrintPod...)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cockpit.listing.cells import row, telling
from cockpit.model.tone import Tone
from cockpit.model.units import human_duration
from cockpit.pods.kinds.columns import age_text
from cockpit.pods.kinds.pod.columns import COLUMNS, ready_text, restarts_text, tone
from cockpit.pods.kinds.pod.decode import decode
from cockpit.pods.kinds.pod.report import report
from cockpit.pods.kinds.pod.row import Pod

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("pods_printed.json").read_text())
"""Also put into the simulator by the integration test, where kubectl prints them."""
NOW = 1767225660.0  # 2026-01-01T00:01:00Z


def pod(body: dict[str, Any]) -> Pod:
    metadata = {"namespace": "shop", "name": "web-1", "uid": "u1", "resourceVersion": "7", **body.get("metadata", {})}
    return decode("prod", json.dumps({**body, "metadata": metadata}).encode())[0]


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_printed_as_kubectl_does(case: dict[str, Any]) -> None:
    row = pod(case["pod"])
    assert (ready_text(row), row.status, row.restarts) == (case["ready"], case["status"], case["restarts"])
    assert row.restarted == case["restarted"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (121, "2m1s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 1860, "3h31m"),
        (8 * 3600 - 1, "7h59m"),
        (8 * 3600, "8h"),
        (48 * 3600 - 1, "47h"),
        (48 * 3600, "2d"),
        (49 * 3600, "2d1h"),
        (8 * 86400 - 1, "7d23h"),
        (8 * 86400, "8d"),
        (2 * 365 * 86400 - 1, "729d"),
        (2 * 365 * 86400, "2y"),
        (2 * 365 * 86400 + 86400, "2y1d"),
        (8 * 365 * 86400 - 1, "7y364d"),
        (8 * 365 * 86400, "8y"),
    ],
)
def test_durations_as_apimachinery_writes_them(seconds: float, text: str) -> None:
    assert human_duration(seconds) == text


def test_restarts_tell_when() -> None:
    crashed = next(case for case in CASES if case["case"] == "crash loop with an end")
    assert restarts_text(pod(crashed["pod"]), NOW) == "12 (10s ago)"
    never = next(case for case in CASES if case["case"] == "an end without restarts")
    assert restarts_text(pod(never["pod"]), NOW) == "0"


def test_age_without_a_creation_time() -> None:
    assert age_text(pod({}), NOW) == "<unknown>"
    assert age_text(pod({"metadata": {"creationTimestamp": None}}), NOW) == "<unknown>"
    assert age_text(pod({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}}), NOW) == "60s"


def test_the_report_holds_what_kubectl_prints() -> None:
    crashed = next(case for case in CASES if case["case"] == "crash loop with an end")
    found = report(pod({**crashed["pod"], "metadata": {"creationTimestamp": "2025-12-31T23:01:00Z"}}), NOW)
    assert (found.ready, found.status, found.restarts, found.age) == ("0/1", "CrashLoopBackOff", "12 (10s ago)", "60m")
    assert (found.key, found.source, found.node, found.ip) == ("prod/u1", "prod", None, None)
    assert found.created_at == "2025-12-31T23:01:00Z"
    assert report(pod({}), NOW).created_at is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("running", Tone.GOOD),
        ("sidecar started, not ready", Tone.WARN),
        ("completed beside running, pod not ready", Tone.WARN),
        ("completed job", Tone.MUTED),
        ("pending", Tone.BUSY),
        ("second init container runs", Tone.BUSY),
        ("terminating", Tone.BUSY),
        ("crash loop with an end", Tone.BAD),
        ("init container crashes", Tone.BAD),
        ("image pull", Tone.BAD),
        ("out of memory", Tone.BAD),
        ("evicted", Tone.BAD),
    ],
)
def test_tone_of_a_status(name: str, expected: Tone) -> None:
    found = pod(next(case for case in CASES if case["case"] == name)["pod"])
    assert tone(found) is expected
    status = row(COLUMNS, found, NOW)[3]
    assert status.tone is expected
    assert status.glyph


def test_every_column_sorts_all_pods() -> None:
    rows = [pod(case["pod"]) for case in CASES] + [pod({"metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}})]
    for column in COLUMNS:
        assert len(sorted(rows, key=column.sort_key)) == len(rows)


def test_columns_are_kubectls() -> None:
    narrow = [column.title for column in COLUMNS if not column.wide]
    assert narrow == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    wide = [column.title for column in COLUMNS if column.wide]
    assert wide[:4] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert wide[4:] == ["CPU", "MEM", "%CPU/R", "%CPU/L", "%MEM/R", "%MEM/L"]


def test_what_is_used_has_columns_only_where_it_is_known() -> None:
    unknown = pod({"spec": {"containers": [{"name": "c", "resources": {"limits": {"memory": "1Gi"}}}]}})
    assert [column.title for column in telling(COLUMNS, [unknown], NOW)][-1] == "READINESS GATES"
    known = msgspec.structs.replace(unknown, cpu=3, memory=1 << 28)
    assert [column.title for column in telling(COLUMNS, [unknown, known], NOW)][-3:] == ["CPU", "MEM", "%MEM/L"]


@pytest.mark.parametrize(
    ("spec", "status", "cells"),
    [
        # TestPrintPodwide
        (
            {"nodeName": "test1", "readinessGates": [{"conditionType": "condition1"}, {"conditionType": "condition2"}]},
            {
                "podIP": "1.1.1.1",
                "nominatedNodeName": "node1",
                "conditions": [
                    {"type": "condition1", "status": "False"},
                    {"type": "condition2", "status": "True"},
                ],
            },
            ["1.1.1.1", "test1", "node1", "1/2"],
        ),
        (
            {"nodeName": "test1", "readinessGates": [{"conditionType": "condition1"}, {"conditionType": "condition3"}]},
            {"podIP": "1.1.1.1", "conditions": [{"type": "condition1", "status": "True"}]},
            ["1.1.1.1", "test1", "<none>", "1/2"],
        ),
        ({}, {}, ["<none>", "<none>", "<none>", "<none>"]),
    ],
)
def test_wide_columns_as_kubectl_prints_them(spec: dict[str, Any], status: dict[str, Any], cells: list[str]) -> None:
    found = pod({"spec": spec, "status": status})
    assert [cell.text for cell in row([column for column in COLUMNS if column.wide][:4], found, NOW)] == cells


def test_what_runs_side_by_side_is_summed_and_compared_with_what_is_used() -> None:
    def asks(name: str, cpu: str, memory: str, **more: Any) -> dict[str, Any]:
        amounts = {"cpu": cpu, "memory": memory}
        return {"name": name, "resources": {"requests": amounts, "limits": {"memory": memory}}, **more}

    spec = {
        "containers": [asks("app", "100m", "128Mi"), asks("agent", "0.05", "1e6"), {"name": "free"}],
        "initContainers": [asks("once", "4", "1Gi"), asks("mesh", "10m", "64Mi", restartPolicy="Always")],
    }
    found = pod({"spec": spec})
    assert (found.cpu_request, found.cpu_limit) == (160, 0)
    assert found.memory_request == found.memory_limit == (192 << 20) + 1_000_000
    used = msgspec.structs.replace(found, cpu=80, memory=96 << 20)
    shown = [cell.text for cell in row(COLUMNS[-6:], used, NOW)]
    assert shown == ["80", "96", "50", "n/a", "49", "49"]
    assert [cell.text for cell in row(COLUMNS[-6:], found, NOW)] == ["n/a"] * 6
