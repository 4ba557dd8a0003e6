"""How a log is asked for."""

from __future__ import annotations

from cockpit.pods.api.paths import pod_path
from cockpit.pods.logs.source import OnePod, Past, Since, Tail


def log_path(pod: OnePod) -> str:
    return f"{pod_path(pod.namespace, pod.name)}/log"


def past_query(past: Past, *, later_seconds: int = 0) -> dict[str, str]:
    """`later_seconds`: so long ago it was wanted."""
    match past:
        case Tail(lines=lines):
            return {"tailLines": str(lines)}
        case Since(seconds=seconds):
            return {"sinceSeconds": str(max(1, seconds + later_seconds))}
        case _:
            return {}
