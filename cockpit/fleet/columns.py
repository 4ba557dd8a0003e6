"""How a host looks in a row. Figures that are not current are muted, and the state says how old they are."""

from __future__ import annotations

from cockpit.fleet import host as states
from cockpit.fleet.facts.details import Details, Disk, TopProcess
from cockpit.fleet.host import Host
from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_bytes, human_duration

WARN, BAD = 0.8, 0.95
"""Shares of memory, disk and processor from which a cell is a warning, and bad."""
LOAD_WARN, LOAD_BAD = 1.0, 2.0
"""Load per processor."""
SLOW_SECONDS = 1.0
NAMED = 3
"""Units and users that a cell names."""
_UNKNOWN = Cell("-", Tone.MUTED)
_NOTHING = Details()
_TONES = {
    states.UP: Tone.GOOD,
    states.CONNECTING: Tone.BUSY,
    states.STALE: Tone.WARN,
    states.NO_SHELL: Tone.WARN,
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


def _state(host: Host, now: float) -> Cell:
    tone = _TONES.get(host.state, Tone.MUTED)
    aged = not host.current and host.seen_at is not None
    age = f" {human_duration(max(0.0, now - (host.seen_at or now)))}" if aged else ""
    return Cell(f"{host.state}{age}", tone, GLYPHS[tone])


def _load(host: Host, _: float) -> Cell:
    if host.load1 is None:
        return _UNKNOWN
    per_cpu = host.load1 / (_known(host).cpus or 1)
    text = f"{host.load1:.{2 if host.load1 < 9.995 else 1 if host.load1 < 99.95 else 0}f}"
    return _judged(host, text, per_cpu, LOAD_WARN, LOAD_BAD)


def _cpu(host: Host, _: float) -> Cell:
    return _share(host, host.cpu_ratio)


def _memory(host: Host, _: float) -> Cell:
    return _share(host, host.memory_used_ratio)


def _disk(host: Host, _: float) -> Cell:
    """The fullest; the root file system needs no name."""
    fullest = _fullest(host)
    if fullest is None:
        return _UNKNOWN
    place = "" if fullest.mount == "/" else f" {fullest.mount}"
    return _judged(host, f"{fullest.used_ratio:.0%}{place}", fullest.used_ratio, WARN, BAD)


def _uptime(host: Host, _: float) -> Cell:
    return _UNKNOWN if host.uptime_seconds is None else _plain(host, human_duration(host.uptime_seconds))


def _latency(host: Host, _: float) -> Cell:
    if host.latency_seconds is None:
        return _UNKNOWN
    seconds = host.latency_seconds
    text = f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
    return _judged(host, text, seconds, SLOW_SECONDS, 5 * SLOW_SECONDS)


def _failed(host: Host, _: float) -> Cell:
    units = _known(host).failed_units
    if units is None:
        return _UNKNOWN
    return _toned(host, str(len(units)), Tone.BAD) if units else _plain(host, "0")


def _failed_names(host: Host, _: float) -> Cell:
    return _toned(host, _some(_known(host).failed_units or ()), Tone.BAD)


def _reboot(host: Host, _: float) -> Cell:
    match _known(host).reboot:
        case True:
            return _toned(host, "needed", Tone.WARN)
        case False:
            return _plain(host, "")
        case None:
            return _UNKNOWN


def _top_cpu(host: Host, _: float) -> Cell:
    top = _first(_known(host).top_cpu)
    if top is None or top.cpu_ratio is None:
        return _UNKNOWN
    return _plain(host, f"{top.name} {top.cpu_ratio:.0%}")


def _top_memory(host: Host, _: float) -> Cell:
    top = _first(_known(host).top_memory)
    return _UNKNOWN if top is None else _plain(host, f"{top.name} {human_bytes(top.memory_bytes)}")


def _users(host: Host, _: float) -> Cell:
    users = _known(host).users
    return _UNKNOWN if users is None else _plain(host, _some(users))


def _kernel(host: Host, _: float) -> Cell:
    return _plain(host, _known(host).system.removeprefix("Linux "))


def _os(host: Host, _: float) -> Cell:
    return _plain(host, _known(host).os)


def _error(host: Host, _: float) -> Cell:
    return Cell(host.error, Tone.WARN if host.state in (states.UP, states.CONNECTING, states.STALE) else Tone.BAD)


def _known(host: Host) -> Details:
    return host.details or _NOTHING


def _fullest(host: Host) -> Disk | None:
    return max(_known(host).disks, key=lambda disk: disk.used_ratio, default=None)


def _first(processes: tuple[TopProcess, ...]) -> TopProcess | None:
    return processes[0] if processes else None


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - NAMED
    return ",".join(names[:NAMED]) + (f" +{more}" if more > 0 else "")


def _share(host: Host, ratio: float | None) -> Cell:
    return _UNKNOWN if ratio is None else _judged(host, f"{ratio:.0%}", ratio, WARN, BAD)


def _judged(host: Host, text: str, value: float, warn: float, bad: float) -> Cell:
    return _toned(host, text, Tone.BAD if value >= bad else Tone.WARN if value >= warn else Tone.NORMAL)


def _plain(host: Host, text: str) -> Cell:
    return _toned(host, text, Tone.NORMAL)


def _toned(host: Host, text: str, tone: Tone) -> Cell:
    """A figure. One that is not current is muted, whatever it says."""
    if not text:
        return Cell("")
    tone = tone if host.current else Tone.MUTED
    return Cell(text, tone, GLYPHS.get(tone, ""))


def _or_least(value: float | None) -> float:
    return -1.0 if value is None else value


def _by_count(names: tuple[str, ...] | None) -> float:
    return -1.0 if names is None else len(names)


def _by_disk(host: Host) -> float:
    fullest = _fullest(host)
    return -1.0 if fullest is None else fullest.used_ratio


def _by_cpu(host: Host) -> float:
    top = _first(_known(host).top_cpu)
    return -1.0 if top is None else _or_least(top.cpu_ratio)


def _by_memory(host: Host) -> float:
    top = _first(_known(host).top_memory)
    return -1.0 if top is None else top.memory_bytes


COLUMNS: tuple[Column[Host], ...] = (
    Column("host", "HOST", 10, _name, lambda host: host.name, least=8, elide="middle", frozen=True),
    Column("role", "ROLE", 6, _roles, lambda host: host.roles, least=4),
    Column("env", "ENV", 7, _env, lambda host: host.env, least=4),
    Column("state", "STATE", 13, _state, lambda host: (_ORDER.get(host.state, -1), host.state), least=11, clock=True),
    Column("load", "LOAD", 6, _load, lambda host: _or_least(host.load1), align="right"),
    Column("cpu", "CPU", 6, _cpu, lambda host: _or_least(host.cpu_ratio), align="right"),
    Column("memory", "MEM", 6, _memory, lambda host: _or_least(host.memory_used_ratio), align="right"),
    Column("disk", "DISK", 6, _disk, _by_disk, align="right"),
    Column("failed", "FAIL", 4, _failed, lambda host: _by_count(_known(host).failed_units), align="right"),
    Column("reboot", "REBOOT", 6, _reboot, lambda host: _known(host).reboot is True, wide=True),
    Column("uptime", "UPTIME", 6, _uptime, lambda host: _or_least(host.uptime_seconds), align="right", least=5),
    Column("latency", "RTT", 6, _latency, lambda host: _or_least(host.latency_seconds), align="right", least=5),
    Column(
        "address", "ADDRESS", 16, lambda host, _: Cell(host.address), lambda host: host.address, wide=True, least=10
    ),
    Column("source", "SOURCE", 8, lambda host, _: Cell(host.source), lambda host: host.source, wide=True, least=5),
    Column("error", "ERROR", 30, _error, lambda host: host.error, wide=True, least=12),
    Column(
        "units", "FAILED UNITS", 16, _failed_names, lambda host: _known(host).failed_units or (), wide=True, least=8
    ),
    Column("top", "TOP CPU", 14, _top_cpu, _by_cpu, wide=True, least=8),
    Column("top_memory", "TOP MEM", 14, _top_memory, _by_memory, wide=True, least=8),
    Column("users", "USERS", 8, _users, lambda host: _by_count(_known(host).users), wide=True, least=5),
    Column("kernel", "KERNEL", 16, _kernel, lambda host: _known(host).system, wide=True, least=8),
    Column("os", "OS", 16, _os, lambda host: _known(host).os, wide=True, least=8),
)


def search(host: Host) -> str:
    """Lower-case text for the filter and the scope."""
    known = _known(host)
    reboot = "reboot" if known.reboot else ""
    words = (host.name, host.address, *host.roles, host.env, host.state, host.error)
    more = (known.system, known.os, *(known.failed_units or ()), *(known.users or ()), reboot)
    return " ".join((*words, *more)).lower()
