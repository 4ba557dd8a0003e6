"""printPod."""

from __future__ import annotations

from typing import Any

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.store import parse_stamp
from cockpit.demo.kubernetes.tables.cells import AGE, NAME, NONE, Printer, age, holds, human_duration

NODE_LOST = "NodeLost"


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


class _Restarts:
    """A count of restarts and the end of the latest one."""

    def __init__(self) -> None:
        self.count = 0
        self.last: float | None = None

    def add(self, container: Object) -> None:
        self.count += container.get("restartCount", 0)
        ended = parse_stamp(dig(container, "lastState.terminated.finishedAt"))
        if ended is not None and (self.last is None or ended > self.last):
            self.last = ended

    def text(self, now: float) -> str:
        if self.count == 0 or self.last is None:
            return str(self.count)
        return f"{self.count} ({human_duration(now - self.last)} ago)"


def pod_summary(pod: Object, now: float) -> tuple[str, str, str]:
    """READY, STATUS and RESTARTS as `kubectl get pods` prints them."""
    spec, status = pod.get("spec", {}), pod.get("status", {})
    reason = status.get("reason") or status.get("phase", "")
    if any(
        c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in status.get("conditions") or ()
    ):
        reason = "SchedulingGated"
    inits = {c["name"]: c for c in spec.get("initContainers") or ()}
    sidecars = {name for name, c in inits.items() if c.get("restartPolicy") == "Always"}
    total = len(spec.get("containers") or ()) + len(sidecars)
    ready = 0
    restarts, of_sidecars = _Restarts(), _Restarts()
    initializing = False
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        restarts.add(container)
        state = container.get("state") or {}
        sidecar = container["name"] in sidecars
        if sidecar:
            of_sidecars.add(container)
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and terminated.get("exitCode", 0) == 0:
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            reason = "Init:" + _ended(terminated)
        elif waiting.get("reason", "") not in ("", "PodInitializing"):
            reason = "Init:" + waiting["reason"]
        else:
            reason = f"Init:{index}/{len(inits)}"
        initializing = True
        break
    if not initializing or holds(status, "Initialized"):
        restarts = of_sidecars
        running, error = False, ""
        for container in reversed(status.get("containerStatuses") or ()):
            restarts.add(container)
            state = container.get("state") or {}
            terminated = state.get("terminated")
            if (state.get("waiting") or {}).get("reason"):
                reason = state["waiting"]["reason"]
            elif terminated is not None:
                reason = _ended(terminated)
                if terminated.get("exitCode", 0) != 0:
                    error = reason
            elif container.get("ready") and state.get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed":
            if running and holds(status, "Ready"):
                reason = "Running"
            elif error:
                reason = error
            elif running:
                reason = "NotReady"
    if dig(pod, "metadata.deletionTimestamp"):
        if status.get("reason") == NODE_LOST:
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return f"{ready}/{total}", reason, restarts.text(now)


def _pod(pod: Object, now: float) -> list[Any]:
    ready, reason, restarts = pod_summary(pod, now)
    spec, status = pod.get("spec", {}), pod.get("status", {})
    addresses = status.get("podIPs") or ()
    gates = spec.get("readinessGates") or ()
    held = sum(holds(status, gate["conditionType"]) for gate in gates)
    return [
        pod["metadata"]["name"],
        ready,
        reason,
        restarts,
        age(pod, now),
        addresses[0]["ip"] if addresses else NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{held}/{len(gates)}" if gates else NONE,
    ]


PODS: Printer = (
    (
        NAME,
        ("Ready", "string", 0),
        ("Status", "string", 0),
        ("Restarts", "string", 0),
        AGE,
        ("IP", "string", 1),
        ("Node", "string", 1),
        ("Nominated Node", "string", 1),
        ("Readiness Gates", "string", 1),
    ),
    _pod,
)
