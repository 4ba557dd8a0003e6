"""Which pods of a node leave it: kubectl's filters (k8s.io/kubectl pkg/drain/filters.go)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cockpit.model import errors
from cockpit.pods.actions.drain import Consent, PodOnNode, sort
from cockpit.pods.actions.of_nodes import consent
from cockpit.pods.actions.rollout import images_of
from cockpit.pods.actions.scale import replicas_of

SET, DAEMON, NODE = ({"kind": kind, "name": "x", "controller": True} for kind in ("ReplicaSet", "DaemonSet", "Node"))


def pod(
    owner: dict[str, Any] | None = None, *, phase: str = "Running", empty: bool = False, mirror: bool = False
) -> Any:
    meta: dict[str, Any] = {"name": "web", "namespace": "shop", "uid": "1"}
    if owner:
        meta["ownerReferences"] = [owner]
    if mirror:
        meta["annotations"] = {"kubernetes.io/config.mirror": "x"}
    volumes = [{"name": "tmp", "emptyDir": {}}] if empty else [{"name": "s", "secret": {}}]
    return msgspec.convert({"metadata": meta, "spec": {"volumes": volumes}, "status": {"phase": phase}}, PodOnNode)


@pytest.mark.parametrize(
    ("found", "agreed", "where"),
    [
        (pod(SET), Consent(), "leaving"),
        (pod(DAEMON), Consent(), "staying"),
        (pod(DAEMON, empty=True), Consent(), "staying"),
        (pod(DAEMON, phase="Succeeded"), Consent(), "leaving"),
        (pod(NODE), Consent(bare=True, empty_dir=True), "staying"),
        (pod(mirror=True), Consent(bare=True), "staying"),
        (pod(), Consent(), "refused"),
        (pod(), Consent(bare=True), "leaving"),
        (pod(phase="Failed", empty=True), Consent(), "leaving"),
        (pod(SET, empty=True), Consent(bare=True), "refused"),
        (pod(SET, empty=True), Consent(empty_dir=True), "leaving"),
        (pod(empty=True), Consent(empty_dir=True), "refused"),
    ],
)
def test_what_leaves(found: PodOnNode, agreed: Consent, where: str) -> None:
    done = sort([found], agreed)
    placed = {"leaving": done.leaving, "staying": done.staying, "refused": done.refused}
    assert [name for name, pods in placed.items() if pods] == [where]


def test_what_is_typed_is_understood_or_refused() -> None:
    assert consent({"bare": "Yes", "empty_dir": "no", "timeout": "30", "grace": ""}) == Consent(True, False, None, 30.0)
    for wrong in ({"bare": "maybe"}, {"timeout": "-1"}, {"timeout": "1e3"}, {"grace": "soon"}, {"timeout": "9" * 30}):
        with pytest.raises(errors.Refused):
            consent(wrong)


def test_images() -> None:
    assert images_of("app=nginx:1.29 log=reg:5000/fluent@sha256:ab", ()) == {
        "app": "nginx:1.29",
        "log": "reg:5000/fluent@sha256:ab",
    }
    assert images_of("nginx:1.29", ("app",)) == {"app": "nginx:1.29"}
    for wrong in ("", "nginx:1.29", "=x", "app="):
        with pytest.raises(errors.Refused):
            images_of(wrong, ("app", "log"))


def test_replicas() -> None:
    assert [replicas_of(text) for text in ("0", " 7 ", "10000")] == [0, 7, 10000]
