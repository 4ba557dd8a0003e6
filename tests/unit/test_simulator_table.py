"""The simulator's printing against cases of upstream's printers_test.go and duration_test.go."""

from __future__ import annotations

from typing import Any

import pytest

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.store import timestamp
from cockpit.demo.kubernetes.tables.cells import human_duration
from cockpit.demo.kubernetes.tables.pods import pod_summary
from cockpit.demo.kubernetes.tables.printing import table

NOW = 1_800_000_000.0
READY = [{"type": "Ready", "status": "True"}]


def status(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": 0, "ready": False, **fields}


def up(name: str = "c", ready: bool = True, restarts: int = 0) -> dict[str, Any]:
    return status(name, ready=ready, restartCount=restarts, started=True, state={"running": {}})


def ended(name: str = "c", code: int = 0, reason: str = "", signal: int = 0, restarts: int = 0) -> dict[str, Any]:
    state = {"exitCode": code, "reason": reason, "signal": signal}
    return status(name, restartCount=restarts, state={"terminated": state})


def held(name: str = "c", reason: str = "", restarts: int = 0) -> dict[str, Any]:
    return status(name, restartCount=restarts, state={"waiting": {"reason": reason}})


def pod(*containers: dict[str, Any], total: int = 2, **fields: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": f"c{n}"} for n in range(total)]}
    inits = fields.pop("inits", ())
    if inits:
        spec["initContainers"] = [
            {"name": i["name"], **({"restartPolicy": "Always"} if i.get("side") else {})} for i in inits
        ]
        fields["initContainerStatuses"] = list(inits)
    deleted = fields.pop("deleted", False)
    metadata = {"name": "p", **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {})}
    body = {"phase": "Running", "containerStatuses": list(containers), **fields}
    return {"metadata": metadata, "spec": spec, "status": body}


CASES = [
    (pod(up(), total=2, phase="podPhase"), ("1/2", "podPhase", "0")),
    (pod(up(restarts=3), held(restarts=3), total=2), ("1/2", "Running", "6")),
    (pod(up(), held(reason="ImagePullBackOff"), total=2), ("1/2", "ImagePullBackOff", "0")),
    (pod(ended(reason="Error", code=1), held(reason="Other"), total=2), ("0/2", "Error", "0")),
    (pod(ended(code=2), total=1), ("0/1", "ExitCode:2", "0")),
    (pod(ended(code=137, signal=9), total=1), ("0/1", "Signal:9", "0")),
    (pod(up(), ended(reason="Completed"), total=2, conditions=READY), ("1/2", "Running", "0")),
    (pod(ended(reason="Completed"), up(), total=2, conditions=READY), ("1/2", "Running", "0")),
    (pod(ended(reason="Completed"), up(), total=2), ("1/2", "NotReady", "0")),
    (pod(ended(reason="Completed"), ended(reason="Error", code=1), total=2), ("0/2", "Error", "0")),
    (pod(status(state={"running": {}}), ended(reason="Completed"), total=2), ("0/2", "Completed", "0")),
    (pod(up(), total=1, reason="Evicted", phase="Failed"), ("1/1", "Evicted", "0")),
    (pod(up(), total=1, deleted=True), ("1/1", "Terminating", "0")),
    (pod(up(), total=1, deleted=True, reason="NodeLost"), ("1/1", "Unknown", "0")),
    (pod(ended(reason="Completed"), total=1, deleted=True, phase="Succeeded"), ("0/1", "Completed", "0")),
    (
        pod(phase="Pending", conditions=[{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]),
        ("0/2", "SchedulingGated", "0"),
    ),
    (pod(held(), inits=[held("i", "PodInitializing"), held("j")]), ("0/2", "Init:0/2", "0")),
    (pod(held(), inits=[ended("i"), held("j", "PodInitializing")]), ("0/2", "Init:1/2", "0")),
    (pod(held(), inits=[ended("i", code=3, restarts=4)]), ("0/2", "Init:ExitCode:3", "4")),
    (pod(held(), inits=[ended("i", code=1, reason="Error")]), ("0/2", "Init:Error", "0")),
    (pod(held(), inits=[ended("i", code=9, signal=9)]), ("0/2", "Init:Signal:9", "0")),
    (pod(held(), inits=[held("i", "CrashLoopBackOff", 3)]), ("0/2", "Init:CrashLoopBackOff", "3")),
    (pod(up(restarts=2), inits=[ended("i", restarts=5)], total=1), ("1/1", "Running", "2")),
    (pod(up(), inits=[{**up("s", restarts=1), "side": True}], total=1), ("2/2", "Running", "1")),
    (pod(held(), inits=[{**held("s"), "side": True}], total=1), ("0/2", "Init:0/1", "0")),
    (
        pod(held(reason="CrashLoopBackOff"), inits=[held("i")], conditions=[{"type": "Initialized", "status": "True"}]),
        ("0/2", "CrashLoopBackOff", "0"),
    ),
    ({"metadata": {"name": "bare"}, "spec": {}, "status": {}}, ("0/0", "", "0")),
]


@pytest.mark.parametrize(("given", "printed"), CASES)
def test_pod_summary(given: dict[str, Any], printed: tuple[str, str, str]) -> None:
    assert pod_summary(given, NOW) == printed


def test_restarts_name_the_last_end() -> None:
    container = up(restarts=3) | {"lastState": {"terminated": {"finishedAt": timestamp(NOW - 10)}}}
    older = up("d", restarts=1) | {"lastState": {"terminated": {"finishedAt": timestamp(NOW - 9000)}}}
    assert pod_summary(pod(container, older), NOW)[2] == "4 (10s ago)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-2, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (599, "9m59s"),
        (600, "10m"),
        (10799, "179m"),
        (10800, "3h"),
        (11160, "3h6m"),
        (28799, "7h59m"),
        (28800, "8h"),
        (172799, "47h"),
        (172800, "2d"),
        (176400, "2d1h"),
        (691199, "7d23h"),
        (691200, "8d"),
        (63072000 - 1, "729d"),
        (63072000, "2y"),
        (63158400, "2y1d"),
        (252287999, "7y364d"),
        (252288000, "8y"),
    ],
)
def test_human_duration(seconds: int, text: str) -> None:
    assert human_duration(seconds) == text


def test_every_kind_prints_as_many_cells_as_columns() -> None:
    bare: dict[str, Any] = {"metadata": {"name": "x", "namespace": "n"}, "spec": {}, "status": {}}
    for kind in kinds.KINDS.values():
        shown = table(kind, [bare], {}, NOW, include="None", titled=True)
        assert len(shown["columnDefinitions"]) == len(shown["rows"][0]["cells"])
        assert "object" not in shown["rows"][0]


def test_repeated_event() -> None:
    event = {
        "metadata": {"name": "e"},
        "count": 4,
        "firstTimestamp": timestamp(NOW - 600),
        "lastTimestamp": timestamp(NOW - 5),
        "involvedObject": {"kind": "Pod", "name": "web"},
    }
    cells = table(kinds.EVENTS, [event], {}, NOW, include="None", titled=True)["rows"][0]["cells"]
    assert cells[0] == "5s" and cells[3] == "pod/web" and cells[7:9] == ["10m", 4]
