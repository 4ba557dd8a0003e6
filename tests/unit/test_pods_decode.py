"""Odd pods, lines cut anywhere, and what belongs to what."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model import errors
from cockpit.pods.api.lines import LineSplitter
from cockpit.pods.api.paths import pod_path
from cockpit.pods.kinds.pod.decode import decode
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.moments import moments
from cockpit.pods.views.manifest import MASK, masked


def pod(**metadata: Any) -> Pod:
    meta = {"namespace": "shop", "name": "web-5d9f-abc", "uid": "u1", **metadata}
    return decode("prod", json.dumps({"metadata": meta}).encode())[0]


def owner(kind: str, name: str, *, controller: bool | None = True) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "controller": controller, "uid": "o", "apiVersion": "apps/v1"}]


@pytest.mark.parametrize(
    "body",
    [
        {"metadata": {"uid": "u"}},
        {"metadata": {"uid": "u"}, "spec": None, "status": None},
        {"metadata": {"uid": "u", "ownerReferences": None, "creationTimestamp": None}, "spec": {}, "status": {}},
        {"metadata": {"uid": "u"}, "spec": {"containers": None, "initContainers": None}},
        {"metadata": {"uid": "u"}, "status": {"containerStatuses": [{}], "initContainerStatuses": [{"state": None}]}},
        {"metadata": {"uid": "u"}, "status": {"containerStatuses": [{"state": {}, "lastState": {"terminated": {}}}]}},
        {"metadata": {"uid": "u", "creationTimestamp": "yesterday"}},
        {"metadata": {"uid": "u", "creationTimestamp": "9999-12-31T23:59:59.999999+23:59"}},
        {"metadata": {"uid": "u", "unheard": {"of": [1, 2.5, None]}}, "kind": "Pod"},
    ],
)
def test_missing_and_null_fields(body: dict[str, Any]) -> None:
    found, _ = decode("prod", json.dumps(body).encode())
    assert found.uid == "u"
    assert found.key == "prod/u"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"<html>", b'{"metadata":{}}', b'{"metadata":{"uid":3}}', b"\xff"])
def test_what_is_no_pod_is_malformed(data: bytes) -> None:
    with pytest.raises(errors.Malformed):
        decode("prod", data)


@pytest.mark.parametrize(
    ("references", "workload"),
    [
        (owner("ReplicaSet", "web-5d9f"), "web"),
        (owner("ReplicaSet", "web"), "web"),
        (owner("StatefulSet", "db-main"), "db-main"),
        (owner("DaemonSet", "node-agent"), "node-agent"),
        (owner("Job", "backup-28391040"), "backup"),
        (owner("Job", "migrate-a"), "migrate-a"),
        (owner("Node", "n1"), "web-5d9f-abc"),
        (owner("Thing", "t", controller=None), "web-5d9f-abc"),
        (None, "web-5d9f-abc"),
    ],
)
def test_workload_is_what_people_call_it(references: list[dict[str, Any]] | None, workload: str) -> None:
    assert pod(ownerReferences=references).workload == workload


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(1, 50)))
def test_lines_are_the_same_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    data = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(100)
    found: list[bytes] = []
    for size in [*cuts, len(data) or 1]:
        found += splitter.feed(data[:size])
        data = data[size:]
    assert found + splitter.feed(data) == lines
    assert splitter.end() == b""


@given(st.binary(max_size=300), st.integers(1, 60))
def test_no_byte_is_lost_where_long_lines_are_cut(data: bytes, size: int) -> None:
    splitter = LineSplitter(16, cut=True)
    lines: list[bytes] = []
    for start in range(0, len(data), size):
        lines += splitter.feed(data[start : start + size])
    lines.append(splitter.end())
    assert all(len(line) <= 16 for line in lines)
    assert b"".join(lines) == data.replace(b"\n", b"")


def test_a_line_over_the_cap_is_malformed() -> None:
    splitter = LineSplitter(16)
    assert splitter.feed(b"before\n" + b"x" * 16) == [b"before"]
    splitter.check()
    assert splitter.feed(b"x" * 1000 + b"\nafter\n") == []
    with pytest.raises(errors.Malformed):
        splitter.check()


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(errors.Malformed):
        pod_path("shop", name)


def test_a_name_stays_one_segment() -> None:
    assert pod_path("shop", "a/../b?c#d") == "/api/v1/namespaces/shop/pods/a%2F..%2Fb%3Fc%23d"


def test_moments_of_restarts_and_rollouts() -> None:
    statuses = [
        {
            "name": "c",
            "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"finishedAt": "2026-01-01T00:00:50Z"}},
        }
    ]
    crashed = decode(
        "prod",
        json.dumps(
            {
                "metadata": {"namespace": "shop", "name": "cart", "uid": "c"},
                "status": {"containerStatuses": statuses},
            }
        ).encode(),
    )[0]
    times = [f"2026-01-01T00:00:{second}Z" for second in (10, 20, 30)]
    fresh = [
        pod(uid=at, name=f"web-5d9f-{at[-3]}", creationTimestamp=at, ownerReferences=owner("ReplicaSet", "web-5d9f"))
        for at in times
    ]
    old = pod(uid="old", creationTimestamp="2025-12-31T00:00:00Z")
    found = moments([crashed, *fresh, old], 1767225600.0)
    assert [(m.at, m.subject, m.text) for m in found] == [
        (1767225650.0, "shop/cart", "restarted (3 times in all), now CrashLoopBackOff"),
        (1767225610.0, "shop/web", "rollout of shop/web: 3 new pods"),
    ]
    assert moments([crashed, *fresh, old], 1767225700.0) == []


def test_yaml_shows_no_secret() -> None:
    env = {
        "DB_PASSWORD": "hunter2",
        "API_KEY": "hunter2",
        "SSH_KEY": "hunter2",
        "GITHUB_TOKEN": "hunter2",
        "DATABASE_URL": "postgres://app:hunter2@db:5432/shop",
        "OPTS": "-Dapp.secret=hunter2 -Xmx1g",
        "MONKEY": "banana",
        "CERT": "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    }
    command = ["run", "--token=hunter2", "--db-password", "hunter2", "--verbose", "sh -c 'PGPASSWORD=hunter2 psql'"]
    shown = masked(
        {
            "metadata": {
                "name": "web",
                "managedFields": [{"manager": "kubectl"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "team": "shop"},
            },
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "env": [
                            *({"name": name, "value": value} for name, value in env.items()),
                            {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                        ],
                        "command": command,
                    }
                ],
                "initContainers": [{"name": "init", "args": ["--secret", "hunter2"]}],
            },
        }
    )
    text = json.dumps(shown)
    assert "hunter2" not in text
    assert "managedFields" not in text
    assert shown["metadata"]["annotations"] == {"team": "shop"}
    container = shown["spec"]["containers"][0]
    assert container["env"][4]["value"] == f"postgres://app:{MASK}@db:5432/shop"
    assert container["env"][6]["value"] == "banana"
    assert container["env"][8]["valueFrom"]["secretKeyRef"] == {"name": "s", "key": "k"}
    assert container["command"][:5] == ["run", f"--token={MASK}", "--db-password", MASK, "--verbose"]


@pytest.mark.parametrize(
    "body", [{}, {"spec": None}, {"spec": {"containers": None}}, {"metadata": {"annotations": None}}]
)
def test_yaml_of_odd_pods(body: dict[str, Any]) -> None:
    assert masked(dict(body)) == body
