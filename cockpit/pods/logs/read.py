"""The pod whose logs are wanted."""

from __future__ import annotations

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.wire import PodObject
from cockpit.pods.kinds.pod.row import Pod


async def read_pod(connection: Connection, pod: Pod) -> PodObject:
    """The object as it is now. Raises errors.NotFound when the pod has gone or another one bears its name."""
    found = await connection.get(pod_path(pod.namespace, pod.name), PodObject)
    if found.metadata.uid != pod.uid:
        raise errors.NotFound(f"pod {pod.path} is gone; another one bears its name now")
    return found
