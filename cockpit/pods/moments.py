"""What happened to pods, for the timeline of the last hour: restarts, and new pods by workload."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cockpit.model.moment import Moment
from cockpit.model.tone import Tone
from cockpit.pods.kinds.pod.columns import tone
from cockpit.pods.kinds.pod.row import Pod

ROLLED_OUT = frozenset(("ReplicaSet", "StatefulSet", "DaemonSet"))


def moments(pods: Iterable[Pod], since: float) -> list[Moment]:
    """A moment for each pod whose container restarted, and one for each workload that got new pods."""
    found: list[Moment] = []
    fresh: dict[tuple[str, str, str, bool], list[float]] = defaultdict(list)
    for pod in pods:
        if pod.restarts and pod.restarted is not None and pod.restarted >= since:
            mood = Tone.BAD if tone(pod) is Tone.BAD else Tone.WARN
            times = "once" if pod.restarts == 1 else f"{pod.restarts} times in all"
            found.append(Moment(pod.restarted, "pods", pod.path, f"restarted ({times}), now {pod.status}", mood))
        if pod.created is not None and pod.created >= since:
            rolled = pod.owner_kind in ROLLED_OUT
            fresh[(pod.source, pod.namespace, pod.workload, rolled)].append(pod.created)
    for (_, namespace, workload, rolled), created in fresh.items():
        subject = f"{namespace}/{workload}"
        count = f"{len(created)} new pod" + ("s" if len(created) > 1 else "")
        found.append(Moment(min(created), "pods", subject, f"rollout of {subject}: {count}" if rolled else count))
    return found
