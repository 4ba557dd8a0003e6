"""Pods with the claims that they mount: more than a pods table needs, so it is read only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import msgspec

from cockpit.model import errors
from cockpit.pods.api.wire import Metadata, Wire
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.pod.decode import decode
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod


class _Source(Wire, frozen=True):
    claim_name: str = ""


class _Volume(Wire, frozen=True):
    name: str = ""
    persistent_volume_claim: _Source | None = None
    ephemeral: _Source | None = None


class _Spec(Wire, frozen=True):
    volumes: tuple[_Volume, ...] | None = None


class _Mounts(Wire, frozen=True):
    metadata: Metadata
    spec: _Spec | None = None


class MountingPod(Pod, frozen=True, gc=False):
    claims: tuple[str, ...] = ()


_decoder = msgspec.json.Decoder(_Mounts)


def decode_mounting(source: str, data: bytes | msgspec.Raw) -> tuple[MountingPod, str]:
    """A pod with its claims, and its resource version. Raises errors.Malformed."""
    pod, version = decode(source, data)
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"not a pod: {error}") from error
    return MountingPod(**msgspec.structs.asdict(pod), claims=tuple(_claims(found))), version


def _claims(found: _Mounts) -> Iterator[str]:
    for volume in (found.spec.volumes if found.spec else None) or ():
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
        elif volume.ephemeral is not None:  # its claim is named so by the ephemeral volume controller
            yield f"{found.metadata.name}-{volume.name}"


MOUNTING = cast("Kind[MountingPod]", replace(PODS, decode=decode_mounting))
