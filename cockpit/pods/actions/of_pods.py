"""What can be done to pods, and through them to what they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Deed, Means, job, listed, named, sources, what
from cockpit.pods.actions.delete import Delete
from cockpit.pods.actions.rollout import OWNERS, ROLLED, Restart
from cockpit.pods.actions.subject import Subject
from cockpit.pods.api.paths import pod_path
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.replicaset import REPLICASETS
from cockpit.tasks.action import Action, Job, Risk, Target


def actions(means: Means) -> tuple[Action[Any], ...]:
    """Restart the pod, or the workload that it belongs to."""
    return (
        Action(
            "pods.restart",
            "Restart pod",
            "R",
            Risk.DISRUPTIVE,
            lambda pods, _: restart_job(means, pods),
            disabled=allowed(means, "delete", PODS, first=_cannot_restart),
        ),
        Action(
            "pods.rollout",
            "Rollout restart",
            "U",
            Risk.DISRUPTIVE,
            lambda pods, _: rollout_job(means, pods),
            disabled=_cannot_roll_out,
        ),
    )


def restart_job(means: Means, pods: Sequence[Pod]) -> Job:
    """Delete each pod and wait until it is gone. Destructive where nothing makes it again."""
    bare = [name for pod, name in zip(pods, named(pods), strict=True) if not pod.owner]
    lost = f"; DELETES {listed(bare)} for good: no controller makes {'it' if len(bare) == 1 else 'them'} again"
    return job(
        means,
        Deed("pods.restart", Risk.DESTRUCTIVE if bare else Risk.DISRUPTIVE),
        pods,
        lambda pod, name: Delete(Subject.of(PODS, pod), name),
        lambda names: f"Restart {what('pod', names)} in {sources(pods)}{lost if bare else ''}",
        lambda pod: f"DELETE {pod_path(pod.namespace, pod.name)} if its uid is {pod.uid}",
    )


def rollout_job(means: Means, pods: Sequence[Pod]) -> Job:
    """Restart the workloads that the pods belong to, each once."""
    owners = {(pod.source, pod.namespace, pod.owner_kind, pod.owner): pod for pod in pods}
    chosen = list(owners.values())
    paths = [f"{pod.namespace}/{pod.workload}" for pod in chosen]
    count = Counter(paths)
    names = [path if count[path] == 1 else f"{pod.source}:{path}" for pod, path in zip(chosen, paths, strict=True)]

    def target(pod: Pod, name: str) -> Target:
        source = means.clusters[pod.source].source
        key = f"pods/{pod.source}/{pod.namespace}/{pod.workload}"
        return Target(key, name, production=source.production, read_only=source.read_only)

    def effect(row: Object, name: str) -> Restart:
        kind = ROLLED.get(row.owner_kind, REPLICASETS)
        return Restart(Subject(kind, row.source, row.namespace, row.owner), name)

    return job(
        means,
        Deed("pods.rollout", Risk.DISRUPTIVE),
        chosen,
        effect,
        lambda names: f"Restart all pods of {what('workload', names)} in {sources(chosen)}, step by step",
        lambda pod: f"PATCH the workload of {pod.owner_kind} {pod.namespace}/{pod.owner}: restartedAt",
        [target(pod, name) for pod, name in zip(chosen, names, strict=True)],
    )


def _cannot_restart(pods: Sequence[Object]) -> str | None:
    if all(cast("Pod", pod).status == "Terminating" for pod in pods):
        return "already terminating"
    return None


def _cannot_roll_out(pods: Sequence[Object]) -> str | None:
    for pod in pods:
        if not pod.owner:
            return f"no controller owns {pod.path}"
        if pod.owner_kind not in OWNERS:
            return f"a {pod.owner_kind} cannot be rolled out"
    return None
