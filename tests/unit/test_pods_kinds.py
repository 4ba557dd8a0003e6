"""Rows of every kind against what the API server's printer makes of the same object (printers_test.go)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.listing.cells import row
from cockpit.model import errors
from cockpit.model.tone import Tone
from cockpit.pods.kinds.columns import AGE
from cockpit.pods.kinds.container import COLUMNS as CONTAINER_COLUMNS
from cockpit.pods.kinds.container import decode as decode_containers
from cockpit.pods.kinds.container import report as report_container
from cockpit.pods.kinds.container import tone as tone_of_container
from cockpit.pods.kinds.registry import KINDS, find
from cockpit.pods.kinds.secretkey import keys_of
from cockpit.pods.views.manifest import MASK, dumped, masked, parsed
from cockpit.pods.views.objects import description
from cockpit.pods.views.secret import value_lines

NOW = 1767225660.0  # 2026-01-01T00:01:00Z
BORN = "2026-01-01T00:00:00Z"
TEMPLATE = {"spec": {"containers": [{"name": "c1", "image": "i1"}, {"name": "c2", "image": "i2"}]}}
SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "zone", "operator": "NotIn", "values": ["x"]},
        {"key": "canary", "operator": "DoesNotExist"},
        {"key": "kept", "operator": "Exists"},
    ],
}
SELECTOR_TEXT = "app=web,!canary,kept,tier in (a,b),zone notin (x)"


def decoded(resource: str, body: dict[str, Any]) -> Any:
    kind = KINDS[resource]
    meta = {"name": "it", "uid": "u1", "resourceVersion": "7", "creationTimestamp": BORN}
    if kind.namespaced:
        meta["namespace"] = "shop"
    found, version = kind.decode(
        "prod", json.dumps({**body, "metadata": {**meta, **body.get("metadata", {})}}).encode()
    )
    assert version == "7"
    return found


def cells(resource: str, body: dict[str, Any], *, usage: bool = False) -> list[str]:
    """Without NAMESPACE and what kubectl does not print."""
    own = [
        c
        for c in KINDS[resource].columns
        if c.id != "namespace" and (usage or not c.id.startswith(("cpu", "mem", "%")))
    ]
    return [cell.text for cell in row(own, decoded(resource, body), NOW)]


CASES: list[tuple[str, dict[str, Any], list[str], Tone]] = [
    (
        "deployments",
        {
            "spec": {"replicas": 5, "template": TEMPLATE, "selector": SELECTOR},
            "status": {"replicas": 10, "updatedReplicas": 2, "availableReplicas": 1, "unavailableReplicas": 4},
        },
        ["it", "0/5", "2", "1", "60s", "c1,c2", "i1,i2", SELECTOR_TEXT],
        Tone.WARN,
    ),
    (
        "deployments",
        {"spec": {"replicas": 1}, "status": {"readyReplicas": 1, "updatedReplicas": 1, "availableReplicas": 1}},
        ["it", "1/1", "1", "1", "60s", "", "", "<none>"],
        Tone.GOOD,
    ),
    (
        "deployments",
        {"spec": {"replicas": 2}, "status": {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}},
        ["it", "2/2", "1", "2", "60s", "", "", "<none>"],
        Tone.BUSY,
    ),
    (
        "deployments",
        {"spec": {"replicas": 0, "paused": False}, "status": {}},
        ["it", "0/0", "0", "0", "60s", "", "", "<none>"],
        Tone.MUTED,
    ),
    (
        "statefulsets",
        {"spec": {"replicas": 5, "template": TEMPLATE}, "status": {"readyReplicas": 2}},
        ["it", "2/5", "60s", "c1,c2", "i1,i2"],
        Tone.WARN,
    ),
    (
        "daemonsets",
        {
            "spec": {
                "selector": {"matchLabels": {"a": "1"}},
                "template": {"spec": {**TEMPLATE["spec"], "nodeSelector": {"z": "2", "disk": "ssd"}}},
            },
            "status": {
                "currentNumberScheduled": 2,
                "desiredNumberScheduled": 3,
                "numberReady": 1,
                "updatedNumberScheduled": 2,
                "numberAvailable": 0,
            },
        },
        ["it", "3", "2", "1", "2", "0", "disk=ssd,z=2", "60s", "c1,c2", "i1,i2", "a=1"],
        Tone.WARN,
    ),
    (
        "replicasets",
        {"spec": {"replicas": 5, "template": TEMPLATE}, "status": {"replicas": 5, "readyReplicas": 2}},
        ["it", "5", "5", "2", "60s", "c1,c2", "i1,i2", "<none>"],
        Tone.WARN,
    ),
    (
        "jobs",
        {"spec": {"completions": 2}, "status": {"succeeded": 1, "startTime": "2026-01-01T00:00:30Z"}},
        ["it", "Running", "1/2", "30s", "60s", "", "", "<none>"],
        Tone.GOOD,
    ),
    ("jobs", {"spec": {}, "status": {}}, ["it", "Running", "0/1", "", "60s", "", "", "<none>"], Tone.GOOD),
    (
        "jobs",
        {"spec": {"parallelism": 3}, "status": {"succeeded": 0, "failed": 2}},
        ["it", "Running", "0/1 of 3", "", "60s", "", "", "<none>"],
        Tone.WARN,
    ),
    (
        "jobs",
        {
            "spec": {"completions": 1},
            "status": {
                "succeeded": 1,
                "startTime": "2026-01-01T00:00:00Z",
                "completionTime": "2026-01-01T00:00:33Z",
                "conditions": [{"type": "Complete", "status": "True"}],
            },
        },
        ["it", "Complete", "1/1", "33s", "60s", "", "", "<none>"],
        Tone.MUTED,
    ),
    *(
        (
            "jobs",
            {"spec": {"completions": 2}, "status": {"conditions": [{"type": condition, "status": "True"}]}},
            ["it", condition, "0/2", "", "60s", "", "", "<none>"],
            tone,
        )
        for condition, tone in (("Failed", Tone.BAD), ("Suspended", Tone.WARN), ("FailureTarget", Tone.BAD))
    ),
    (
        "jobs",
        {"metadata": {"deletionTimestamp": BORN}, "spec": {}, "status": {}},
        ["it", "Terminating", "0/1", "", "60s", "", "", "<none>"],
        Tone.BUSY,
    ),
    (
        "cronjobs",
        {
            "spec": {"schedule": "0/5 * * * ?", "suspend": False, "jobTemplate": {"spec": {"template": TEMPLATE}}},
            "status": {"lastScheduleTime": "2026-01-01T00:00:55Z", "active": [{"name": "a"}, {"name": "b"}]},
        },
        ["it", "0/5 * * * ?", "<none>", "False", "2", "5s", "60s", "c1,c2", "i1,i2", "<none>"],
        Tone.GOOD,
    ),
    (
        "cronjobs",
        {"spec": {"schedule": "@daily", "timeZone": "Europe/Paris"}},
        ["it", "@daily", "Europe/Paris", "<unset>", "0", "<none>", "60s", "", "", "<none>"],
        Tone.GOOD,
    ),
    (
        "nodes",
        {"status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        ["it", "Ready", "<none>", "60s", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
        Tone.GOOD,
    ),
    (
        "nodes",
        {
            "metadata": {
                "labels": {
                    "node-role.kubernetes.io/worker": "",
                    "node-role.kubernetes.io/": "",
                    "kubernetes.io/role": "edge",
                }
            },
            "spec": {"unschedulable": True},
            "status": {
                "conditions": [{"type": "Ready", "status": "Unknown"}],
                "addresses": [
                    {"type": "InternalIP", "address": "1.1.1.1"},
                    {"type": "ExternalIP", "address": "2.2.2.2"},
                ],
                "nodeInfo": {
                    "kubeletVersion": "v1.36.2",
                    "osImage": "Debian",
                    "kernelVersion": "6.12",
                    "containerRuntimeVersion": "containerd://2",
                },
            },
        },
        [
            *("it", "NotReady,SchedulingDisabled", "edge,worker", "60s", "v1.36.2"),
            *("1.1.1.1", "2.2.2.2", "Debian", "6.12", "containerd://2"),
        ],
        Tone.BAD,
    ),
    (
        "nodes",
        {"spec": {"unschedulable": True}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}},
        [
            *("it", "Ready,SchedulingDisabled", "<none>", "60s", ""),
            *("<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"),
        ],
        Tone.WARN,
    ),
    (
        "nodes",
        {"status": {"conditions": [{"type": "InvalidCondition", "status": "True"}]}},
        ["it", "Unknown", "<none>", "60s", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"],
        Tone.BAD,
    ),
    (
        "events",
        {
            "type": "Warning",
            "reason": "BackOff",
            "message": " Back-off restarting\nfailed container ",
            "firstTimestamp": "2026-01-01T00:00:40Z",
            "lastTimestamp": "2026-01-01T00:00:55Z",
            "count": 6,
            "involvedObject": {"kind": "Pod", "name": "web-1", "fieldPath": "spec.containers{app}"},
            "source": {"component": "kubelet", "host": "n1"},
        },
        [
            *("5s", "Warning", "BackOff", "pod/web-1", "spec.containers{app}", "kubelet, n1"),
            *("Back-off restarting...", "20s", "6", "it"),
        ],
        Tone.WARN,
    ),
    (
        "events",
        {
            "type": "Normal",
            "reason": "Scheduled",
            "message": "done",
            "eventTime": "2026-01-01T00:00:40.000000Z",
            "series": {"count": 3, "lastObservedTime": "2026-01-01T00:00:50.000000Z"},
            "involvedObject": {"kind": "Node"},
            "reportingComponent": "scheduler",
            "reportingInstance": "cp-1",
        },
        ["10s", "Normal", "Scheduled", "node", "", "scheduler, cp-1", "done", "20s", "3", "it"],
        Tone.NORMAL,
    ),
    (
        "events",
        {"involvedObject": {"kind": "Deployment", "name": "d"}},
        ["<unknown>", "", "", "deployment/d", "", "", "", "<unknown>", "1", "it"],
        Tone.NORMAL,
    ),
    (
        "services",
        {
            "spec": {
                "type": "ClusterIP",
                "clusterIPs": ["10.9.8.7"],
                "ports": [{"port": 2233, "protocol": "UDP"}, {"port": 80, "nodePort": 30080, "protocol": "TCP"}],
                "selector": {"foo": "bar", "app": "web"},
            }
        },
        ["it", "ClusterIP", "10.9.8.7", "<none>", "2233/UDP,80:30080/TCP", "60s", "app=web,foo=bar"],
        Tone.NORMAL,
    ),
    (
        "services",
        {"spec": {"type": "LoadBalancer", "clusterIPs": ["1.1.1.1"], "externalIPs": ["9.9.9.9"]}},
        ["it", "LoadBalancer", "1.1.1.1", "9.9.9.9", "<none>", "60s", "<none>"],
        Tone.NORMAL,
    ),
    (
        "services",
        {"spec": {"type": "LoadBalancer", "clusterIPs": ["1.1.1.1"]}},
        ["it", "LoadBalancer", "1.1.1.1", "<pending>", "<none>", "60s", "<none>"],
        Tone.WARN,
    ),
    (
        "services",
        {
            "spec": {"type": "LoadBalancer", "clusterIPs": ["1.1.1.1"], "externalIPs": ["9.9.9.9"]},
            "status": {"loadBalancer": {"ingress": [{"ip": "3.4.5.6"}, {"hostname": "b.example"}]}},
        },
        ["it", "LoadBalancer", "1.1.1.1", "3.4.5.6,b.example,9.9.9.9", "<none>", "60s", "<none>"],
        Tone.NORMAL,
    ),
    (
        "services",
        {"spec": {"type": "ExternalName", "externalName": "my.database.example"}},
        ["it", "ExternalName", "<none>", "my.database.example", "<none>", "60s", "<none>"],
        Tone.NORMAL,
    ),
    (
        "ingresses",
        {
            "spec": {
                "ingressClassName": "nginx",
                "rules": [{"host": f"h{n}.example"} for n in range(5)],
                "tls": [{"secretName": "t"}],
            },
            "status": {"loadBalancer": {"ingress": [{"ip": "2.3.4.5"}]}},
        },
        ["it", "nginx", "h0.example,h1.example,h2.example + 2 more...", "2.3.4.5", "80, 443", "60s"],
        Tone.NORMAL,
    ),
    ("ingresses", {"spec": {"rules": [{}]}}, ["it", "<none>", "*", "", "80", "60s"], Tone.NORMAL),
    ("configmaps", {"data": {"a": "1"}, "binaryData": {"b": "AA=="}}, ["it", "2", "60s"], Tone.NORMAL),
    ("secrets", {"type": "Opaque", "data": {"a": "aHVudGVyMg=="}}, ["it", "Opaque", "1", "60s"], Tone.NORMAL),
    (
        "persistentvolumeclaims",
        {
            "spec": {"volumeName": "my-volume", "volumeMode": "Filesystem", "storageClassName": "fast"},
            "status": {
                "phase": "Bound",
                "accessModes": ["ReadOnlyMany", "ReadWriteOnce", "ReadOnlyMany"],
                "capacity": {"storage": "4Gi"},
            },
        },
        ["it", "Bound", "my-volume", "4Gi", "RWO,ROX", "fast", "<unset>", "60s", "Filesystem"],
        Tone.GOOD,
    ),
    (
        "persistentvolumeclaims",
        {"status": {"phase": "Pending"}},
        ["it", "Pending", "", "", "", "", "<unset>", "60s", "<unset>"],
        Tone.WARN,
    ),
    (
        "persistentvolumeclaims",
        {"spec": {"volumeName": "v", "volumeAttributesClassName": "gold"}, "status": {"phase": "Lost"}},
        ["it", "Lost", "v", "0", "", "", "gold", "60s", "<unset>"],
        Tone.BAD,
    ),
    ("namespaces", {"status": {"phase": "Active"}}, ["it", "Active", "60s"], Tone.GOOD),
    ("namespaces", {"status": {"phase": "Terminating"}}, ["it", "Terminating", "60s"], Tone.WARN),
]


@pytest.mark.parametrize(("resource", "body", "expected", "tone"), CASES)
def test_printed_as_the_server_prints_it(resource: str, body: dict[str, Any], expected: list[str], tone: Tone) -> None:
    assert cells(resource, body) == expected
    kind, found = KINDS[resource], decoded(resource, body)
    assert kind.tone(found) is tone
    assert found.name in kind.search(found) or resource == "events"
    assert kind.search(found) == kind.search(found).lower()
    told = kind.report(found, NOW)
    assert (told.key, told.name, told.age, told.created_at) == ("prod/u1", "it", "60s", BORN)


@pytest.mark.parametrize("resource", KINDS)
def test_every_column_sorts_and_the_first_order_is_one_of_them(resource: str) -> None:
    kind = KINDS[resource]
    rows = [decoded(each, body) for each, body, _, _ in CASES if each == resource] or [decoded(resource, {})]
    rows.append(decoded(resource, {"metadata": {"creationTimestamp": None}}))
    assert kind.sort in {column.id for column in kind.columns}
    assert len({column.id for column in kind.columns}) == len(kind.columns)
    assert (kind.columns[0].title == "NAMESPACE") is kind.namespaced
    for column in kind.columns:
        assert len(sorted(rows, key=column.sort_key)) == len(rows)


@pytest.mark.parametrize("resource", KINDS)
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"<html>", b'{"metadata":{}}', b'{"metadata":{"uid":3}}', b"\xff"])
def test_what_is_no_object_is_malformed(resource: str, data: bytes) -> None:
    with pytest.raises(errors.Malformed):
        KINDS[resource].decode("prod", data)


@pytest.mark.parametrize("resource", KINDS)
def test_an_object_with_nothing_in_it_is_a_row(resource: str) -> None:
    found, _ = KINDS[resource].decode("prod", b'{"metadata":{"uid":"u","name":"n"}}')
    assert len(row(KINDS[resource].columns, found, NOW)) == len(KINDS[resource].columns)


@pytest.mark.parametrize(
    ("word", "resource"),
    [
        ("deploy", "deployments"),
        ("Deployment", "deployments"),
        ("deployments.apps", "deployments"),
        ("PO", "pods"),
        ("sts", "statefulsets"),
        ("cj", "cronjobs"),
        ("ev", "events"),
        ("pvc", "persistentvolumeclaims"),
        ("ingress", "ingresses"),
        ("ns", "namespaces"),
        ("secret", "secrets"),
    ],
)
def test_kinds_are_found_by_any_of_their_names(word: str, resource: str) -> None:
    assert find(word) is KINDS[resource]


@pytest.mark.parametrize("word", ["", "certificates", "events.events.k8s.io", "deployments.extensions", "d"])
def test_other_words_are_no_kind_of_ours(word: str) -> None:
    assert find(word) is None


def test_no_row_and_no_report_holds_a_value_of_a_secret() -> None:
    found = decoded("secrets", {"type": "Opaque", "data": {"password": "aHVudGVyMg==", "user": "YWRtaW4="}})
    keys = keys_of(found)
    said = f"{found!r} {keys!r} {KINDS['secrets'].report(found, NOW)!r} {KINDS['secrets'].search(found)}"
    assert "aHVudGVyMg" not in said
    assert [key.name for key in keys] == ["password", "user"]
    assert len({key.key for key in keys}) == 2


@pytest.mark.parametrize(
    ("held", "lines"),
    [
        (b'"aHVudGVyMg=="', ["hunter2"]),
        (b'"YQpiCg=="', ["a", "b"]),
        (b'""', ["(empty)"]),
        (b'"/w=="', ["(1 bytes that are no text; base64:)", "/w=="]),
        (b'"\\/w=="', ["(1 bytes that are no text; base64:)", "/w=="]),
    ],
)
def test_a_value_is_decoded(held: bytes, lines: list[str]) -> None:
    assert value_lines(held) == lines


@pytest.mark.parametrize("held", [b'"hunter2!"', b"7", b"null", b'"'])
def test_a_value_that_cannot_be_read_is_not_quoted(held: bytes) -> None:
    with pytest.raises(errors.Malformed) as caught:
        value_lines(held)
    assert "hunter2" not in str(caught.value)


def test_yaml_of_a_secret_and_of_what_holds_containers_shows_no_value() -> None:
    shown = json.dumps(
        [
            masked({"kind": "Secret", "data": {"a": "hunter2"}, "stringData": {"b": "hunter2"}}),
            masked({"kind": "ConfigMap", "data": {"db-password": "hunter2", "url": "postgres://app:hunter2@db/x"}}),
            masked(
                {
                    "kind": "CronJob",
                    "spec": {
                        "jobTemplate": {
                            "spec": {"template": {"spec": {"containers": [{"args": ["--token=hunter2"]}, 3, None]}}}
                        }
                    },
                }
            ),
        ]
    )
    assert "hunter2" not in shown
    assert MASK in shown


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["metadata", "spec", "status", "data", "conditions", "kind", "other"]), json_values, max_size=5
    ),
    st.dictionaries(st.sampled_from(["labels", "finalizers", "conditions", "containers", "env"]), json_values),
)
def test_whatever_an_object_holds_can_be_described(found: dict[str, Any], within: dict[str, Any]) -> None:
    found |= {"metadata": within, "status": within, "spec": within}
    row_of_it = decoded("configmaps", {})
    lines = list(description(KINDS["configmaps"], row_of_it, masked(found), NOW))
    assert lines[0].endswith("it")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"<html>",
        b'{"a":"\xff"}',
        b'{"a":"\\ud800"}',
        b'{"spec":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"spec":' + b"[" * 900 + b"]" * 900 + b"}",
    ],
)
def test_what_cannot_be_shown_is_malformed(body: bytes) -> None:
    with pytest.raises(errors.Malformed):
        dumped(parsed(body, KINDS["configmaps"], decoded("configmaps", {})))


def test_containers_in_the_order_in_which_they_start() -> None:
    body = {
        "metadata": {"namespace": "shop", "name": "web-1", "uid": "p1"},
        "spec": {
            "initContainers": [
                {"name": "migrate", "image": "m:1"},
                {"name": "mesh", "image": "x:1", "restartPolicy": "Always", "ports": [{"containerPort": 15001}]},
            ],
            "containers": [
                {
                    "name": "app",
                    "image": "web:1",
                    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                },
                {"name": "later", "image": "l:1"},
            ],
            "ephemeralContainers": [{"name": "debug", "image": "busybox"}],
        },
        "status": {
            "initContainerStatuses": [
                {"name": "migrate", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
                {"name": "mesh", "ready": True, "state": {"running": {"startedAt": BORN}}},
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "restartCount": 3,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {
                        "terminated": {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-01-01T00:00:50Z"}
                    },
                }
            ],
            "ephemeralContainerStatuses": [{"name": "debug", "state": {"running": {"startedAt": BORN}}}],
        },
    }
    pod, _ = decode_containers("prod", json.dumps(body).encode())
    shown = [[cell.text for cell in row(CONTAINER_COLUMNS[:10], each, NOW)] for each in pod.containers]
    assert shown == [
        ["1", "migrate", "init", "no", "Completed", "0", "<none>", "<unknown>", "m:1", "<none>"],
        ["2", "mesh", "sidecar", "yes", "Running", "0", "<none>", "60s", "x:1", "15001/TCP"],
        [
            *("3", "app", "container", "no", "CrashLoopBackOff", "3"),
            *("OOMKilled (137) 10s ago", "<unknown>", "web:1", "http:8080/TCP"),
        ],
        ["4", "later", "container", "no", "Waiting", "0", "<none>", "<unknown>", "l:1", "<none>"],
        ["5", "debug", "ephemeral", "no", "Running", "0", "<none>", "60s", "busybox", "<none>"],
    ]
    tones = [Tone.MUTED, Tone.GOOD, Tone.BAD, Tone.BUSY, Tone.GOOD]
    assert [tone_of_container(each) for each in pod.containers] == tones
    assert (pod.containers[2].cpu_limit, pod.containers[2].memory_limit) == (500, 1 << 30)
    assert report_container(pod.containers[2], NOW).last == "OOMKilled (137)"
    for column in CONTAINER_COLUMNS:
        assert len(sorted(pod.containers, key=column.sort_key)) == 5


def test_ages_of_all_kinds_are_counted_anew_at_each_paint() -> None:
    found = decoded("services", {})
    assert [AGE.cell(found, NOW + later).text for later in (0, 60, 86400 * 3)] == ["60s", "2m", "3d"]
