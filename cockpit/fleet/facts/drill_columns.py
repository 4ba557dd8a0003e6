"""How a process and a unit look in a row."""

from __future__ import annotations

from cockpit.fleet.facts.processes import Process
from cockpit.fleet.facts.units import Unit
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration

BUSY_RATIO, HEAVY_RATIO = 0.8, 0.5
"""Of a processor, and of the host's memory, from which a process stands out."""
_UNKNOWN = Cell("-", Tone.MUTED)
_TONES = {
    "failed": Tone.BAD,
    "activating": Tone.BUSY,
    "deactivating": Tone.BUSY,
    "reloading": Tone.BUSY,
    "active": Tone.GOOD,
    "inactive": Tone.MUTED,
}
_ORDER = {state: place for place, state in enumerate(_TONES)}
_PROCESS_STATES = {"D": Tone.WARN, "Z": Tone.BAD, "T": Tone.WARN, "t": Tone.WARN, "R": Tone.GOOD}


def _share(ratio: float | None, much: float) -> Cell:
    if ratio is None:
        return _UNKNOWN
    tone = Tone.WARN if ratio >= much else Tone.NORMAL
    return Cell(f"{ratio:.0%}" if ratio >= 0.995 else f"{ratio:.1%}", tone, GLYPHS.get(tone, ""))


def _process_state(process: Process, _: float) -> Cell:
    tone = _PROCESS_STATES.get(process.state, Tone.NORMAL)
    return Cell(process.state, tone, GLYPHS.get(tone, ""))


def _unit_state(unit: Unit, _: float) -> Cell:
    tone = _TONES.get(unit.active, Tone.NORMAL)
    return Cell(unit.active, tone, GLYPHS.get(tone, ""))


def _load(unit: Unit, _: float) -> Cell:
    tone = Tone.NORMAL if unit.load == "loaded" else Tone.MUTED if unit.load == "not-found" else Tone.WARN
    return Cell(unit.load, tone, GLYPHS.get(tone, ""))


def _since(unit: Unit, now: float) -> Cell:
    return _UNKNOWN if unit.since_at is None else Cell(human_duration(max(0.0, now - unit.since_at)))


def by_unit(unit: Unit) -> tuple[int, str]:
    """What has failed first, then what changes, runs, and does not."""
    return (_ORDER.get(unit.active, len(_ORDER)), unit.name)


PROCESS_COLUMNS: tuple[Column[Process], ...] = (
    Column("pid", "PID", 7, lambda p, _: Cell(str(p.pid)), lambda p: p.pid, align="right", frozen=True),
    Column("user", "USER", 9, lambda p, _: Cell(p.user or "-"), lambda p: p.user, least=5),
    Column("cpu", "CPU", 7, lambda p, _: _share(p.cpu_ratio, BUSY_RATIO), lambda p: p.cpu_ratio or 0.0, align="right"),
    Column(
        "memory",
        "MEM",
        7,
        lambda p, _: _share(p.memory_ratio, HEAVY_RATIO),
        lambda p: p.memory_ratio or 0.0,
        align="right",
    ),
    Column(
        "rss",
        "RSS",
        6,
        lambda p, _: Cell(human_bytes(p.memory_bytes)),
        lambda p: p.memory_bytes,
        align="right",
        least=5,
    ),
    Column("time", "TIME", 7, lambda p, _: Cell(human_duration(p.cpu_seconds)), lambda p: p.cpu_seconds, align="right"),
    Column("state", "STATE", 5, _process_state, lambda p: p.state, least=3),
    Column(
        "age",
        "AGE",
        6,
        lambda p, now: Cell(human_duration(max(0.0, now - p.started_at))),
        lambda p: -p.start,
        align="right",
        wide=True,
        clock=True,
    ),
    Column("parent", "PPID", 7, lambda p, _: Cell(str(p.parent)), lambda p: p.parent, align="right", wide=True),
    Column("command", "COMMAND", 40, lambda p, _: Cell(p.command), lambda p: p.command, least=20),
)
UNIT_COLUMNS: tuple[Column[Unit], ...] = (
    Column("unit", "UNIT", 24, lambda u, _: Cell(u.name), lambda u: u.name, least=12, elide="middle", frozen=True),
    Column("active", "ACTIVE", 14, _unit_state, by_unit, least=8),
    Column("sub", "SUB", 10, lambda u, _: Cell(u.sub), lambda u: u.sub, least=6),
    Column("load", "LOAD", 11, _load, lambda u: u.load, least=6),
    Column("since", "SINCE", 6, _since, lambda u: -(u.since_at or 0.0), align="right", clock=True),
    Column("kind", "KIND", 8, lambda u, _: Cell(u.kind), lambda u: u.kind, wide=True, least=5),
    Column("description", "DESCRIPTION", 40, lambda u, _: Cell(u.description), lambda u: u.description, least=16),
)


def search_process(process: Process) -> str:
    """Lower-case text for the filter."""
    return f"{process.pid} {process.user} {process.state} {process.name} {process.command}".lower()


def search_unit(unit: Unit) -> str:
    """Lower-case text for the filter."""
    return f"{unit.name} {unit.load} {unit.active} {unit.sub} {unit.description}".lower()
