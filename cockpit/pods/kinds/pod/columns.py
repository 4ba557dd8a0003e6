"""The pods table: kubectl's columns with kubectl's texts."""

from __future__ import annotations

import re

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pods.kinds.pod.row import Pod

NONE, UNKNOWN = "<none>", "<unknown>"
_ON_THE_WAY = re.compile(r"Pending|ContainerCreating|PodInitializing|SchedulingGated|Terminating|Init:\d+/\d+")
_ENDED_WELL = frozenset(("Completed", "Succeeded", "ExitCode:0"))
_RANKS = {Tone.BAD: 0, Tone.WARN: 1, Tone.BUSY: 2, Tone.GOOD: 3, Tone.MUTED: 4}


def ready_text(pod: Pod) -> str:
    """ "1/2"."""
    return f"{pod.ready}/{pod.total}"


def restarts_text(pod: Pod, now: float) -> str:
    """ "3" or "3 (10s ago)"."""
    if not pod.restarts or pod.restarted is None:
        return str(pod.restarts)
    return f"{pod.restarts} ({human_duration(now - pod.restarted)} ago)"


def age_text(pod: Pod, now: float) -> str:
    """ "4d2h" or "<unknown>"."""
    return UNKNOWN if pod.created is None else human_duration(now - pod.created)


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


SOURCE: Column[Pod] = Column(
    "source", "SOURCE", 8, lambda p, _: Cell(p.source, Tone.MUTED), lambda p: (p.source, p.namespace, p.name), least=5
)
COLUMNS: tuple[Column[Pod], ...] = (
    Column("namespace", "NAMESPACE", 12, lambda p, _: Cell(p.namespace), lambda p: (p.namespace, p.name), least=8),
    Column(
        "name",
        "NAME",
        32,
        lambda p, _: Cell(p.name),
        lambda p: (p.name, p.namespace),
        least=16,
        elide="middle",
        frozen=True,
    ),
    Column("ready", "READY", 5, _ready, lambda p: (p.ready - p.total, p.total)),
    Column("status", "STATUS", 18, _status, lambda p: (_RANKS[tone(p)], p.status, p.namespace, p.name)),
    Column("restarts", "RESTARTS", 14, _restarts, lambda p: (p.restarts, p.restarted or 0.0), clock=True, least=12),
    # By age, youngest first, as the text grows; unknown ages come last.
    Column(
        "age",
        "AGE",
        5,
        lambda p, now: Cell(age_text(p, now)),
        lambda p: -p.created if p.created is not None else float("inf"),
        clock=True,
    ),
    Column("ip", "IP", 14, lambda p, _: Cell(p.ip or NONE), lambda p: p.ip, wide=True),
    Column("node", "NODE", 12, lambda p, _: Cell(p.node or NONE), lambda p: p.node, wide=True, least=8, elide="middle"),
)
