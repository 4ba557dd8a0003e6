"""How a host looks in a row."""

from __future__ import annotations

from cockpit.fleet import host as states
from cockpit.fleet.host import Host
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration

WARN, BAD = 0.8, 0.95
"""Shares of memory, disk and processor from which a cell is a warning, and bad."""
LOAD_WARN, LOAD_BAD = 1.0, 2.0
"""Load per processor."""
SLOW_SECONDS = 1.0
_UNKNOWN = Cell("-", Tone.MUTED)
_TONES = {
    states.UP: Tone.GOOD,
    states.CONNECTING: Tone.BUSY,
    states.UNREACHABLE: Tone.BAD,
    states.DENIED: Tone.BAD,
    states.HOSTKEY: Tone.BAD,
    states.FAILED: Tone.BAD,
}
_ORDER = {state: place for place, state in enumerate(reversed(_TONES))}


def _name(host: Host, _: float) -> Cell:
    return Cell(host.name, Tone.ACCENT if host.production else Tone.NORMAL)


def _roles(host: Host, _: float) -> Cell:
    return Cell(",".join(host.roles))


def _env(host: Host, _: float) -> Cell:
    return Cell(host.env, Tone.ACCENT if host.production else Tone.NORMAL)


def _state(host: Host, _: float) -> Cell:
    tone = _TONES.get(host.state, Tone.MUTED)
    return Cell(host.state, tone, GLYPHS[tone])


def _load(host: Host, _: float) -> Cell:
    if host.load1 is None:
        return _UNKNOWN
    per_cpu = host.load1 / (host.cpus or 1)
    text = f"{host.load1:.{2 if host.load1 < 9.995 else 1 if host.load1 < 99.95 else 0}f}"
    return _judged(text, per_cpu, LOAD_WARN, LOAD_BAD)


def _cpu(host: Host, _: float) -> Cell:
    return _share(host.cpu_ratio)


def _memory(host: Host, _: float) -> Cell:
    return _share(host.memory_used_ratio)


def _disk(host: Host, _: float) -> Cell:
    return _share(host.disk_used_ratio)


def _uptime(host: Host, _: float) -> Cell:
    return _UNKNOWN if host.uptime_seconds is None else Cell(human_duration(host.uptime_seconds))


def _latency(host: Host, _: float) -> Cell:
    if host.latency_seconds is None:
        return _UNKNOWN
    seconds = host.latency_seconds
    text = f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
    return _judged(text, seconds, SLOW_SECONDS, 5 * SLOW_SECONDS)


def _error(host: Host, _: float) -> Cell:
    return Cell(host.error, Tone.WARN if host.state in (states.UP, states.CONNECTING) else Tone.BAD)


def _share(ratio: float | None) -> Cell:
    return _UNKNOWN if ratio is None else _judged(f"{ratio:.0%}", ratio, WARN, BAD)


def _judged(text: str, value: float, warn: float, bad: float) -> Cell:
    tone = Tone.BAD if value >= bad else Tone.WARN if value >= warn else Tone.NORMAL
    return Cell(text, tone, GLYPHS.get(tone, ""))


def _or_least(value: float | None) -> float:
    return -1.0 if value is None else value


COLUMNS: tuple[Column[Host], ...] = (
    Column("host", "HOST", 10, _name, lambda host: host.name, least=8, elide="middle", frozen=True),
    Column("role", "ROLE", 6, _roles, lambda host: host.roles, least=4),
    Column("env", "ENV", 7, _env, lambda host: host.env, least=4),
    Column("state", "STATE", 13, _state, lambda host: (_ORDER.get(host.state, -1), host.state), least=11),
    Column("load", "LOAD", 6, _load, lambda host: _or_least(host.load1), align="right"),
    Column("cpu", "CPU", 6, _cpu, lambda host: _or_least(host.cpu_ratio), align="right"),
    Column("memory", "MEM", 6, _memory, lambda host: _or_least(host.memory_used_ratio), align="right"),
    Column("disk", "DISK", 6, _disk, lambda host: _or_least(host.disk_used_ratio), align="right"),
    Column("uptime", "UPTIME", 6, _uptime, lambda host: _or_least(host.uptime_seconds), align="right", least=5),
    Column("latency", "LATENCY", 7, _latency, lambda host: _or_least(host.latency_seconds), align="right"),
    Column(
        "address", "ADDRESS", 16, lambda host, _: Cell(host.address), lambda host: host.address, wide=True, least=10
    ),
    Column("source", "SOURCE", 8, lambda host, _: Cell(host.source), lambda host: host.source, wide=True, least=5),
    Column("error", "ERROR", 30, _error, lambda host: host.error, wide=True, least=12),
)


def search(host: Host) -> str:
    """Lower-case text for the filter and the scope."""
    words = (host.name, host.address, *host.roles, host.env, host.state, host.error)
    return " ".join(words).lower()
