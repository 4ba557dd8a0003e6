"""The events that a real server would still keep."""

from __future__ import annotations

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.scenery.cast import HOUR, MINUTE, Workload


def tell(recorder: Recorder, each: Workload, pod: Object, born: float, now: float) -> None:
    """The events that a real server would still keep."""
    where = f"{pod['metadata']['name']}_{pod['metadata']['namespace']}({pod['metadata']['uid']})"
    image = pod["spec"]["containers"][0]["image"]
    broken = "migrate" if each.behaviour == "init-crash" else "app"
    told: dict[str, tuple[str, str]] = {
        "crash": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
        "oom": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
        "init-crash": ("BackOff", f"Back-off restarting failed container {broken} in pod {where}"),
        "image-missing": (
            "Failed",
            f'Failed to pull image "{image}": failed to pull and unpack image "{image}": not found',
        ),
        "unready": ("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),
    }
    host = pod["spec"].get("nodeName", "")
    if now - born < HOUR and host:
        assigned = f"Successfully assigned {each.space}/{pod['metadata']['name']} to {host}"
        recorder.record(kinds.PODS, pod, "Scheduled", assigned, component="default-scheduler", first=born, last=born)
    if each.behaviour in told:
        reason, message = told[each.behaviour]
        began = max(born + 10, now - 50 * MINUTE)
        recorder.record(
            kinds.PODS,
            pod,
            reason,
            message,
            component="kubelet",
            warning=True,
            host=host,
            container=broken,
            first=began,
            last=now - 9,
            count=max(2, int((now - began) / 150)),
        )
