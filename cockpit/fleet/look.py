"""The one cheap command that sees how a Linux host is, and what its answer means. It changes nothing."""

from __future__ import annotations

import re

from msgspec import Struct

COMMAND = (
    "exec /bin/sh -c 'LC_ALL=C; export LC_ALL; cat /proc/loadavg | sed s/^/load:/; sed s/^/uptime:/ /proc/uptime; "
    "head -n 1 /proc/stat; echo cpus:$(nproc 2>/dev/null || grep -c ^processor /proc/cpuinfo); "
    "grep -E ^Mem /proc/meminfo; df -Pk / | sed -n 2s/^/disk:/p'"
)


class Seen(Struct, frozen=True):
    """What one look gave; what the host did not say is None."""

    load1: float | None = None
    cpus: int | None = None
    busy: tuple[int, int] | None = None
    """Processor time since boot: (busy, all), in ticks (proc(5), /proc/stat)."""
    memory_used_ratio: float | None = None
    disk_used_ratio: float | None = None
    uptime_seconds: float | None = None

    @property
    def empty(self) -> bool:
        """Nothing could be read: not a Linux host."""
        return self == Seen()


def parse(answer: bytes) -> Seen:
    """Any bytes are allowed; lines that make no sense are left out."""
    text = answer.decode("ascii", "replace")
    total, available = _kilobytes(text, "MemTotal"), _kilobytes(text, "MemAvailable")
    if available is None:
        available = _kilobytes(text, "MemFree")
    disk = re.search(r"^disk:\S+ +\d+ +(\d+) +(\d+) ", text, re.MULTILINE)
    used, free = (int(disk[1]), int(disk[2])) if disk else (0, 0)
    cpus = re.search(r"^cpus:(\d+)\r?$", text, re.MULTILINE)
    return Seen(
        load1=_number(text, "load"),
        cpus=int(cpus[1]) if cpus and 0 < int(cpus[1]) < 1_000_000 else None,
        busy=_busy(text),
        memory_used_ratio=_ratio(total - available, total) if total and available is not None else None,
        disk_used_ratio=_ratio(used, used + free),
        uptime_seconds=_number(text, "uptime"),
    )


def cpu_ratio(before: tuple[int, int] | None, now: tuple[int, int] | None) -> float | None:
    """Busy share between two looks; None without two, or after a reboot."""
    if before is None or now is None or now[1] <= before[1] or now[0] < before[0]:
        return None
    return _ratio(now[0] - before[0], now[1] - before[1])


def _number(text: str, word: str) -> float | None:
    found = re.search(rf"^{word}:(\d{{1,15}}(?:\.\d+)?)\b", text, re.MULTILINE)
    return float(found[1]) if found else None


def _kilobytes(text: str, word: str) -> int | None:
    found = re.search(rf"^{word}: +(\d{{1,18}}) kB", text, re.MULTILINE)
    return int(found[1]) if found else None


def _busy(text: str) -> tuple[int, int] | None:
    """user nice system idle iowait irq softirq steal; guest time is part of user already."""
    found = re.search(r"^cpu +((?:\d{1,18} +){7}\d{1,18})", text, re.MULTILINE)
    if found is None:
        return None
    ticks = [int(word) for word in found[1].split()]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _ratio(part: float, whole: float) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else None
