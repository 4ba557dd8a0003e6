"""What can be done to pods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from cockpit.model import errors
from cockpit.pods.actions.effects import carry_out
from cockpit.pods.actions.restart import Restart
from cockpit.pods.actions.rollout import OWNERS, Rollout
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.paths import pod_path
from cockpit.pods.kinds.pod.row import Pod
from cockpit.tasks.action import Action, Job, Progress, Retry, Risk, Target

LANE = "pods"
RUN_SECONDS = 1800.0
"""Above the limits that each effect states itself, with a message of its own."""
NAMED = 5
_RETRY = Retry(errors=(errors.RateLimited,), attempts=3)
"""429 says that nothing was done."""


def target(clusters: Mapping[str, Cluster], pod: Pod, name: str = "") -> Target:
    """The pod, not its name: a pod that replaced it is another target."""
    source = clusters[pod.source].source
    return Target(f"pods/{pod.key}", name or pod.path, production=source.production, read_only=source.read_only)


def actions(clusters: Mapping[str, Cluster]) -> tuple[Action[Pod], ...]:
    """`clusters` by the name of their source."""
    return (
        Action(
            "pods.restart",
            "Restart pod",
            "R",
            Risk.DISRUPTIVE,
            lambda pods, _: restart_job(clusters, pods),
            disabled=_cannot_restart,
        ),
        Action(
            "pods.rollout",
            "Rollout restart",
            "U",
            Risk.DISRUPTIVE,
            lambda pods, _: rollout_job(clusters, pods),
            disabled=_cannot_roll_out,
        ),
    )


def restart_job(clusters: Mapping[str, Cluster], pods: Sequence[Pod]) -> Job:
    """Delete each pod and wait until it is gone. Destructive where nothing makes it again."""
    names = _names([(pod.source, pod.path) for pod in pods])
    targets = tuple(target(clusters, pod, name) for pod, name in zip(pods, names, strict=True))
    effects = [Restart(pod, name) for pod, name in zip(pods, names, strict=True)]
    bare = [name for pod, name in zip(pods, names, strict=True) if not pod.owner]
    sentence = f"Restart {_what('pod', names)} in {_sources(pods)}"
    if bare:
        sentence += (
            f"; DELETES {_listed(bare)} for good: no controller makes {'it' if len(bare) == 1 else 'them'} again"
        )

    async def run(progress: Progress) -> None:
        await carry_out(clusters, effects, progress)

    return Job(
        action="pods.restart",
        sentence=sentence,
        targets=targets,
        run=run,
        risk=Risk.DESTRUCTIVE if bare else Risk.DISRUPTIVE,
        lane=LANE,
        timeout_seconds=RUN_SECONDS,
        exclusive=frozenset(t.key for t in targets),
        retry=_RETRY,
        preview=tuple(
            f"{pod.source}: DELETE {pod_path(pod.namespace, pod.name)} if its uid is {pod.uid}" for pod in pods
        ),
    )


def rollout_job(clusters: Mapping[str, Cluster], pods: Sequence[Pod]) -> Job:
    """Restart the workloads that the pods belong to, each once."""
    owners = {(pod.source, pod.namespace, pod.owner_kind, pod.owner): pod for pod in pods}
    chosen = list(owners.values())
    names = _names([(pod.source, f"{pod.namespace}/{pod.workload}") for pod in chosen])
    effects = [
        Rollout(pod.source, pod.namespace, pod.owner_kind, pod.owner, name)
        for pod, name in zip(chosen, names, strict=True)
    ]
    targets = tuple(
        Target(
            f"pods/{pod.source}/{pod.namespace}/{pod.workload}",
            name,
            production=clusters[pod.source].source.production,
            read_only=clusters[pod.source].source.read_only,
        )
        for pod, name in zip(chosen, names, strict=True)
    )

    async def run(progress: Progress) -> None:
        await carry_out(clusters, effects, progress)

    return Job(
        action="pods.rollout",
        sentence=f"Restart all pods of {_what('workload', names)} in {_sources(chosen)}, step by step",
        targets=targets,
        run=run,
        risk=Risk.DISRUPTIVE,
        lane=LANE,
        timeout_seconds=RUN_SECONDS,
        exclusive=frozenset(t.key for t in targets),
        retry=_RETRY,
        preview=tuple(
            f"{effect.source}: PATCH the workload of {effect.kind} {effect.namespace}/{effect.owner}: restartedAt"
            for effect in effects
        ),
    )


def _cannot_restart(pods: Sequence[Pod]) -> str | None:
    if all(pod.status == "Terminating" for pod in pods):
        return "already terminating"
    return None


def _cannot_roll_out(pods: Sequence[Pod]) -> str | None:
    for pod in pods:
        if not pod.owner:
            return f"no controller owns {pod.path}"
        if pod.owner_kind not in OWNERS:
            return f"a {pod.owner_kind} cannot be rolled out"
    return None


def _names(paths: Sequence[tuple[str, str]]) -> list[str]:
    """The path; with the source before it where another one has the same path."""
    count = Counter(path for _, path in paths)
    return [path if count[path] == 1 else f"{source}:{path}" for source, path in paths]


def _what(noun: str, names: Sequence[str]) -> str:
    return f"{noun} {names[0]}" if len(names) == 1 else f"{len(names)} {noun}s ({_listed(names)})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _sources(pods: Sequence[Pod]) -> str:
    return ", ".join(dict.fromkeys(pod.source for pod in pods))
