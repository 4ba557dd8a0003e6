"""The parts of a pod's status, as a kubelet and a scheduler write them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.store import timestamp


def running(at: float) -> Object:
    return {"running": {"startedAt": timestamp(at)}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def terminated(began: float, ended: float, *, code: int = 0, reason: str = "") -> Object:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": timestamp(began),
            "finishedAt": timestamp(ended),
            "containerID": f"containerd://{zlib.crc32(str(began).encode()):064x}",
        }
    }


def set_condition(status: Object, kind: str, held: bool, at: float, reason: str = "", message: str = "") -> None:
    """Set one condition; the time of the last transition moves only when it flips."""
    conditions: list[Object] = status.setdefault("conditions", [])
    state = "True" if held else "False"
    found = next((c for c in conditions if c["type"] == kind), None)
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    if found.get("status") != state:
        found |= {"status": state, "lastTransitionTime": timestamp(at)}
    found |= {"lastProbeTime": None}
    for name, value in (("reason", reason), ("message", message)):
        if value:
            found[name] = value
        else:
            found.pop(name, None)


def container_statuses(pod: Object) -> Iterator[Object]:
    status = pod["status"]
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def container_status(pod: Object, name: str) -> Object:
    return next(c for c in container_statuses(pod) if c["name"] == name)


def _fresh(container: Object, reason: str) -> Object:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": waiting(reason),
        "lastState": {},
    }


def place(pod: Object, node: str, host_ip: str, at: float) -> None:
    """Scheduled onto a node and accepted there: nothing has started."""
    pod["spec"]["nodeName"] = node
    status = pod["status"]
    status |= {"phase": "Pending", "startTime": timestamp(at), "hostIP": host_ip, "hostIPs": [{"ip": host_ip}]}
    inits = pod["spec"].get("initContainers") or ()
    set_condition(status, "PodReadyToStartContainers", False, at)
    why = ("ContainersNotInitialized", "containers with incomplete status") if inits else ("", "")
    set_condition(status, "Initialized", not inits, at, *why)
    names = " ".join(c["name"] for c in pod["spec"]["containers"])
    for kind in ("Ready", "ContainersReady"):
        set_condition(status, kind, False, at, "ContainersNotReady", f"containers with unready status: [{names}]")
    set_condition(status, "PodScheduled", True, at)
    reason = "PodInitializing" if inits else "ContainerCreating"
    status["containerStatuses"] = [_fresh(c, reason) for c in pod["spec"]["containers"]]
    if inits:
        status["initContainerStatuses"] = [_fresh(c, "PodInitializing") for c in inits]


def give_address(pod: Object, ip: str, at: float) -> None:
    pod["status"] |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    set_condition(pod["status"], "PodReadyToStartContainers", True, at)


def start(pod: Object, name: str, at: float, *, ready: bool) -> None:
    """A container instance runs."""
    status = container_status(pod, name)
    image = status["image"]
    status |= {
        "state": running(at),
        "started": True,
        "ready": ready,
        "imageID": f"{image.partition(':')[0]}@sha256:{zlib.crc32(image.encode()):08x}" + "5e1f" * 14,
        "containerID": f"containerd://{zlib.crc32(f'{name}{at}'.encode()):08x}" + "a7d3" * 14,
    }


def stop(pod: Object, name: str, state: Object) -> None:
    """A container instance has ended."""
    status = container_status(pod, name)
    status |= {"state": state, "started": False, "ready": False}


def back_off(pod: Object, name: str, seconds: int) -> None:
    """A container that has ended waits for its next start."""
    status = container_status(pod, name)
    pod_name = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
    message = f"back-off {human(seconds)} restarting failed container={name} pod={pod_name}"
    status |= {"lastState": status["state"], "state": waiting("CrashLoopBackOff", message)}


def human(seconds: int) -> str:
    """Go's time.Duration in whole seconds: 40s, 2m40s, 5m0s."""
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60}s"


def judge(pod: Object, at: float) -> None:
    """Phase and readiness from the containers' states."""
    status = pod["status"]
    if all(_init_done(pod, c) for c in status.get("initContainerStatuses") or ()):
        set_condition(status, "Initialized", True, at)
    own: list[Any] = status["containerStatuses"]
    if own and all("terminated" in c["state"] for c in own) and pod["spec"].get("restartPolicy") != "Always":
        status["phase"] = "Succeeded" if all(c["state"]["terminated"]["exitCode"] == 0 for c in own) else "Failed"
    elif any("running" in c["state"] or c["restartCount"] or c["lastState"] for c in own):
        status["phase"] = "Running"
    unready = [c["name"] for c in container_statuses(pod) if not c["ready"] and c in own]
    reason = "PodCompleted" if status["phase"] == "Succeeded" else "ContainersNotReady"
    for kind in ("Ready", "ContainersReady"):
        if unready:
            message = f"containers with unready status: [{' '.join(unready)}]" if reason != "PodCompleted" else ""
            set_condition(status, kind, False, at, reason, message)
        else:
            set_condition(status, kind, True, at)


def is_sidecar(pod: Object, name: str) -> bool:
    return any(
        c["name"] == name and c.get("restartPolicy") == "Always" for c in pod["spec"].get("initContainers") or ()
    )


def _init_done(pod: Object, status: Object) -> bool:
    if is_sidecar(pod, status["name"]):
        return bool(status.get("started"))
    return bool(status["state"].get("terminated", {}).get("exitCode") == 0)


def is_ready(pod: Object) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions") or ())
