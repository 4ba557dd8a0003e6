"""kubectl's READY, STATUS and RESTARTS of a pod.

The algorithm is the API server's own printer (kubernetes/kubernetes pkg/printers/internalversion/printers.go, printPod,
with PR 124766): `kubectl get pods` prints what it says, so this must not be cleverer than it is.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cockpit.pods.api.wire import Condition, ContainerStatus, PodObject, PodSpec, PodStatus, Terminated

NO_SPEC, NO_STATUS = PodSpec(), PodStatus()


class Printed(Struct, frozen=True, gc=False):
    """`restarted` is the end of the container that was restarted last, in Unix seconds."""

    ready: int
    total: int
    status: str
    restarts: int
    restarted: float | None


def unix_seconds(rfc3339: str | None) -> float | None:
    """None where there is no time, or none that can be read."""
    if not rfc3339:
        return None
    try:
        return datetime.fromisoformat(rfc3339).timestamp()
    except (ValueError, OverflowError):
        return None


def printed(pod: PodObject) -> Printed:
    """What kubectl prints of it."""
    spec, status = pod.spec or NO_SPEC, pod.status or NO_STATUS
    conditions = status.conditions or ()
    containers, init_containers = spec.containers or (), spec.init_containers or ()
    phase = status.phase or ""
    reason = status.reason or phase
    for condition in conditions:
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            reason = "SchedulingGated"

    sidecars = frozenset(c.name for c in init_containers if c.restart_policy == "Always") if init_containers else ()
    total = len(containers) + len(sidecars)
    ready = 0
    restarts, restarted = 0, None
    side_restarts, side_restarted = 0, None
    initializing = False
    for place, container in enumerate(status.init_container_statuses or ()):
        restarts += container.restart_count or 0
        restarted = _later(restarted, container)
        sidecar = container.name in sidecars
        if sidecar:
            side_restarts += container.restart_count or 0
            side_restarted = _later(side_restarted, container)
        state = container.state
        ended = state.terminated if state else None
        if ended is not None and ended.exit_code == 0:
            continue
        if sidecar and container.started:
            ready += bool(container.ready)
            continue
        waiting = (state.waiting.reason if state and state.waiting else None) or ""
        if ended is not None:
            reason = f"Init:{_end(ended)}"
        elif waiting not in ("", "PodInitializing"):
            reason = f"Init:{waiting}"
        else:
            reason = f"Init:{place}/{len(init_containers)}"
        initializing = True
        break

    if not initializing or _is_true("Initialized", conditions):
        restarts, restarted = side_restarts, side_restarted
        failure = ""
        running = False
        # Backwards, so that the first container has the last word.
        for container in reversed(status.container_statuses or ()):
            restarts += container.restart_count or 0
            restarted = _later(restarted, container)
            state = container.state
            if state is None:
                continue
            if state.waiting and state.waiting.reason:
                reason = state.waiting.reason
            elif state.terminated:
                reason = _end(state.terminated)
                if state.terminated.exit_code != 0:
                    failure = reason
            elif container.ready and state.running:
                ready += 1
                running = True
        if reason == "Completed":
            if running and _is_true("Ready", conditions):
                reason = "Running"
            elif failure:
                reason = failure
            elif running:
                reason = "NotReady"

    if pod.metadata.deletion_timestamp:
        if status.reason == "NodeLost":
            reason = "Unknown"
        elif phase not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return Printed(ready, total, reason, restarts, restarted)


def gates(spec: PodSpec, status: PodStatus) -> str:
    """ "1/2": readiness gates whose condition is true, of all; empty where there is none."""
    if not spec.readiness_gates:
        return ""
    conditions = status.conditions or ()
    opened = sum(_is_true(gate.condition_type, conditions) for gate in spec.readiness_gates)
    return f"{opened}/{len(spec.readiness_gates)}"


def _end(ended: Terminated) -> str:
    return ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")


def _later(known: float | None, container: ContainerStatus) -> float | None:
    last = container.last_state
    if last is None or last.terminated is None:
        return known
    ended = unix_seconds(last.terminated.finished_at)
    return ended if known is None or (ended is not None and ended > known) else known


def _is_true(kind: str, conditions: tuple[Condition, ...]) -> bool:
    return any(condition.type == kind and condition.status == "True" for condition in conditions)
