"""The pods table: kubectl's columns with kubectl's texts, and what the pods use (k9s' names of those columns)."""

from __future__ import annotations

import re
from dataclasses import replace

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pods.kinds.columns import AGE, NAME, NAMESPACE, NONE, RANKS, words
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.used import CPU, CPU_OF_LIMIT, CPU_OF_REQUEST, MEMORY, MEMORY_OF_LIMIT, MEMORY_OF_REQUEST

_ON_THE_WAY = re.compile(r"Pending|ContainerCreating|PodInitializing|SchedulingGated|Terminating|Init:\d+/\d+")
_ENDED_WELL = frozenset(("Completed", "Succeeded", "ExitCode:0"))


def ready_text(pod: Pod) -> str:
    """ "1/2"."""
    return f"{pod.ready}/{pod.total}"


def restarts_text(pod: Pod, now: float) -> str:
    """ "3" or "3 (10s ago)"."""
    if not pod.restarts or pod.restarted is None:
        return str(pod.restarts)
    return f"{pod.restarts} ({human_duration(now - pod.restarted)} ago)"


def tone(pod: Pod) -> Tone:
    """What the status means for the one on call. A status that is not known to be harmless is bad."""
    if pod.status == "Running":
        return Tone.GOOD if pod.ready >= pod.total else Tone.WARN
    if pod.status in _ENDED_WELL:
        return Tone.MUTED
    if pod.status == "NotReady":
        return Tone.WARN
    return Tone.BUSY if _ON_THE_WAY.fullmatch(pod.status) else Tone.BAD


def _ready(pod: Pod, _: float) -> Cell:
    whole = pod.ready >= pod.total or pod.phase == "Succeeded"
    return Cell(ready_text(pod), Tone.NORMAL if whole else Tone.WARN)


def _status(pod: Pod, _: float) -> Cell:
    mood = tone(pod)
    return Cell(pod.status, mood, GLYPHS[mood])


def _restarts(pod: Pod, now: float) -> Cell:
    recent = pod.restarted is not None and now - pod.restarted < 3600
    return Cell(restarts_text(pod, now), Tone.WARN if recent and pod.restarts else Tone.NORMAL)


COLUMNS: tuple[Column[Pod], ...] = (
    NAMESPACE,
    NAME,
    Column("ready", "READY", 5, _ready, lambda p: (p.ready - p.total, p.total)),
    Column("status", "STATUS", 18, _status, lambda p: (RANKS[tone(p)], p.status, p.namespace, p.name)),
    Column("restarts", "RESTARTS", 14, _restarts, lambda p: (p.restarts, p.restarted or 0.0), clock=True, least=12),
    AGE,
    Column("ip", "IP", 14, lambda p, _: Cell(p.ip or NONE), lambda p: p.ip, wide=True),
    Column("node", "NODE", 12, lambda p, _: Cell(p.node or NONE), lambda p: p.node, wide=True, least=8, elide="middle"),
    words("NOMINATED NODE", 14, lambda p: p.nominated or NONE, wide=True, least=8),
    words("READINESS GATES", 15, lambda p: p.gates or NONE, wide=True),
    # Wide: half a screen has no room for them beside a readable name.
    replace(CPU, wide=True),
    replace(MEMORY, wide=True),
    CPU_OF_REQUEST,
    CPU_OF_LIMIT,
    MEMORY_OF_REQUEST,
    MEMORY_OF_LIMIT,
)
