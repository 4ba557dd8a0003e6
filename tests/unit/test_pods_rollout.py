"""When a rollout is done: kubectl's rules (k8s.io/kubectl pkg/polymorphichelpers/rollout_status.go)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from cockpit.model import errors
from cockpit.pods.actions.effects import Seen
from cockpit.pods.actions.rollout import seen
from cockpit.pods.api.wire import Workload


def look(plural: str, spec: dict[str, Any], status: dict[str, Any]) -> Seen:
    body = {"metadata": {"generation": 4}, "spec": spec, "status": {"observedGeneration": 4, **status}}
    return seen(plural, "shop/it", msgspec.json.decode(json.dumps(body), type=Workload), generation=4)


@pytest.mark.parametrize(
    ("plural", "spec", "status", "done", "whole"),
    [
        ("deployments", {"replicas": 3}, {"observedGeneration": 3, "updatedReplicas": 3}, 0, False),
        ("deployments", {"replicas": 3}, {"updatedReplicas": 1, "replicas": 4}, 1, False),
        ("deployments", {"replicas": 3}, {"updatedReplicas": 3, "replicas": 4, "availableReplicas": 4}, 3, False),
        ("deployments", {"replicas": 3}, {"updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}, 3, False),
        ("deployments", {"replicas": 3}, {"updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}, 3, True),
        ("deployments", {"replicas": 0}, {}, 0, True),
        ("deployments", {}, {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}, 1, True),
        ("statefulsets", {"replicas": 2}, {"updatedReplicas": 1, "readyReplicas": 2}, 1, False),
        (
            "statefulsets",
            {"replicas": 2},
            {"updatedReplicas": 2, "readyReplicas": 1, "updateRevision": "b", "currentRevision": "b"},
            2,
            False,
        ),
        (
            "statefulsets",
            {"replicas": 2},
            {"updatedReplicas": 2, "readyReplicas": 2, "updateRevision": "b", "currentRevision": "a"},
            2,
            False,
        ),
        (
            "statefulsets",
            {"replicas": 2},
            {"updatedReplicas": 2, "readyReplicas": 2, "updateRevision": "b", "currentRevision": "b"},
            2,
            True,
        ),
        (
            "statefulsets",
            {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
            {"updatedReplicas": 1, "readyReplicas": 3, "updateRevision": "b", "currentRevision": "a"},
            1,
            True,
        ),
        ("daemonsets", {}, {"desiredNumberScheduled": 4, "updatedNumberScheduled": 3, "numberAvailable": 4}, 3, False),
        ("daemonsets", {}, {"desiredNumberScheduled": 4, "updatedNumberScheduled": 4, "numberAvailable": 3}, 4, False),
        ("daemonsets", {}, {"desiredNumberScheduled": 4, "updatedNumberScheduled": 4, "numberAvailable": 4}, 4, True),
    ],
)
def test_how_far(plural: str, spec: dict[str, Any], status: dict[str, Any], done: int, whole: bool) -> None:
    found = look(plural, spec, status)
    assert (found.done, found.whole) == (done, whole)


def test_a_deadline_that_passed_is_a_failure() -> None:
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    with pytest.raises(errors.Refused, match="progress deadline"):
        look("deployments", {"replicas": 3}, {"updatedReplicas": 1, "conditions": conditions})
