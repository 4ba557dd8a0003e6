"""Persistent volume claims (printers.go, printPersistentVolumeClaim)."""

from __future__ import annotations

from typing import Any

from cockpit.model.tone import Tone
from cockpit.pods.api.wire import Metadata, Wire
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, UNSET, state, words
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.reading import Served, reader
from cockpit.pods.kinds.report import ObjectReport, common

_OLD_CLASS = "volume.beta.kubernetes.io/storage-class"
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_TONES = {"Bound": Tone.GOOD, "Pending": Tone.WARN, "Lost": Tone.BAD, "Terminating": Tone.BUSY}


class _Annotated(Metadata, frozen=True):
    annotations: dict[str, str] | None = None


class _Spec(Wire, frozen=True):
    volume_name: str = ""
    storage_class_name: str | None = None
    volume_attributes_class_name: str | None = None
    volume_mode: str | None = None


class _Status(Wire, frozen=True):
    phase: str = ""
    access_modes: tuple[str, ...] | None = None
    capacity: dict[str, str] | None = None


class _Served(Served, frozen=True):
    metadata: _Annotated
    spec: _Spec = _Spec()
    status: _Status = _Status()


class Claim(Object, frozen=True, gc=False):
    status: str
    volume: str
    capacity: str
    access_modes: str
    storage_class: str
    attributes_class: str
    volume_mode: str


class ClaimReport(ObjectReport, frozen=True, kw_only=True):
    status: str
    volume: str | None
    capacity: str | None
    access_modes: str | None
    storage_class: str | None


def tone(row: Claim) -> Tone:
    """A claim that is not bound keeps its pods from starting."""
    return _TONES.get(row.status, Tone.BAD)


def _row(base: dict[str, Any], found: _Served) -> Claim:
    spec, status = found.spec, found.status
    bound = bool(spec.volume_name)
    modes = set(status.access_modes or ())
    return Claim(
        **base,
        status="Terminating" if found.metadata.deletion_timestamp else status.phase,
        volume=spec.volume_name,
        capacity=(status.capacity or {}).get("storage", "0") if bound else "",
        access_modes=",".join(short for mode, short in _MODES.items() if mode in modes) if bound else "",
        storage_class=(found.metadata.annotations or {}).get(_OLD_CLASS) or spec.storage_class_name or "",
        attributes_class=UNSET if spec.volume_attributes_class_name is None else spec.volume_attributes_class_name,
        volume_mode=UNSET if spec.volume_mode is None else spec.volume_mode,
    )


def _report(row: Claim, now: float) -> ClaimReport:
    return ClaimReport(
        **common(row, now),
        status=row.status,
        volume=row.volume or None,
        capacity=row.capacity or None,
        access_modes=row.access_modes or None,
        storage_class=row.storage_class or None,
    )


CLAIMS: Kind[Claim] = Kind(
    resource="persistentvolumeclaims",
    kind="PersistentVolumeClaim",
    group_version="v1",
    short=("pvc",),
    decode=reader("persistent volume claim", _Served, _row),
    columns=(
        NAMESPACE,
        NAME,
        state("STATUS", 9, lambda r: r.status, tone),
        words("VOLUME", 20, lambda r: r.volume, least=8),
        words("CAPACITY", 8, lambda r: r.capacity),
        words("ACCESS MODES", 12, lambda r: r.access_modes),
        words("STORAGECLASS", 12, lambda r: r.storage_class),
        words("VOLUMEATTRIBUTESCLASS", 21, lambda r: r.attributes_class, least=8),
        AGE,
        words("VOLUMEMODE", 10, lambda r: r.volume_mode, wide=True),
    ),
    tone=tone,
    report=_report,
    search=lambda r: f"{r.source} {r.path} {r.status} {r.volume} {r.storage_class}".lower(),
    sort="namespace",
)
