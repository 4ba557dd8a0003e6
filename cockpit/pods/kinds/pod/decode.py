"""From the bytes of one pod to its row."""

from __future__ import annotations

from sys import intern

import msgspec

from cockpit.model import errors
from cockpit.pods.api.wire import PodObject
from cockpit.pods.kinds.pod.resources import summed
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.pod.status import NO_SPEC, NO_STATUS, gates, printed, unix_seconds

_decoder = msgspec.json.Decoder(PodObject)


def decode(source: str, data: bytes | msgspec.Raw) -> tuple[Pod, str]:
    """The row and its resource version. Raises errors.Malformed. About 10 us."""
    try:
        pod = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"not a pod: {error}") from error
    return row_of(source, pod)


def row_of(source: str, pod: PodObject) -> tuple[Pod, str]:
    """The row of a pod that has been read, and its resource version. Raises errors.Malformed."""
    meta = pod.metadata
    if not meta.uid:
        raise errors.Malformed(f"a pod without uid: {meta.namespace}/{meta.name}")
    spec, status, seen = pod.spec or NO_SPEC, pod.status or NO_STATUS, printed(pod)
    amounts = summed(spec)
    owner = next((o for o in meta.owner_references or () if o.controller), None)
    row = Pod(
        key=f"{source}/{meta.uid}",
        source=source,
        namespace=intern(meta.namespace),
        name=meta.name,
        ready=seen.ready,
        total=seen.total,
        status=intern(seen.status),
        restarts=seen.restarts,
        restarted=seen.restarted,
        created=unix_seconds(meta.creation_timestamp),
        phase=intern(status.phase or ""),
        node=intern(spec.node_name or ""),
        ip=status.pod_ip or "",
        owner_kind=intern(owner.kind) if owner else "",
        owner=intern(owner.name) if owner else "",
        nominated=intern(status.nominated_node_name) if status.nominated_node_name else "",
        gates=gates(spec, status),
        cpu_request=amounts.cpu_request,
        cpu_limit=amounts.cpu_limit,
        memory_request=amounts.memory_request,
        memory_limit=amounts.memory_limit,
    )
    return row, meta.resource_version
