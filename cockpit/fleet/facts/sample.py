"""What is cheap to ask of a Linux host, every few seconds: four files of /proc (proc(5)), read without a fork."""

from __future__ import annotations

from msgspec import Struct

SCRIPT = """
sample() {
  load= up= cpu= total= free= available=
  read -r load </proc/loadavg
  read -r up </proc/uptime
  read -r cpu </proc/stat
  while read -r key value unit; do
    case $key in
      MemTotal:) total=$value ;;
      MemFree:) free=$value ;;
      MemAvailable:) available=$value; break ;;
      Buffers:) break ;;
    esac
  done </proc/meminfo
  echo "$mark begin $load | $up | $cpu | $total ${available:-$free} $mark end"
}
"""
"""Answered by one write. Linux before 3.14 has no MemAvailable."""
ANSWER = "sample) sample ;;"
_MOST = 1e15
"""A greater number is none of a host's."""


class Sample(Struct, frozen=True, gc=False):
    """What the host did not say is None."""

    load1: float | None = None
    uptime_seconds: float | None = None
    busy: tuple[int, int] | None = None
    """Processor time since boot: (busy, all), in ticks."""
    memory_used_ratio: float | None = None
    memory_bytes: int | None = None

    @property
    def empty(self) -> bool:
        """Nothing could be read: not a Linux host."""
        return self == Sample()


def parse(answer: bytes) -> Sample:
    """Any bytes are allowed; what makes no sense is left out."""
    parts = answer.split(b"|")
    if len(parts) != 4:
        return Sample()
    load, up, cpu, memory = parts
    total, available = (*map(whole, memory.split()[:2]), None, None)[:2]
    return Sample(
        load1=_first(load),
        uptime_seconds=_first(up),
        busy=_busy(cpu),
        memory_used_ratio=ratio(total - available, total) if total and available is not None else None,
        memory_bytes=total * 1024 if total else None,
    )


def cpu_ratio(before: tuple[int, int] | None, now: tuple[int, int] | None) -> float | None:
    """Busy share between two samples; None without two, or after a reboot."""
    if before is None or now is None or now[1] <= before[1] or now[0] < before[0]:
        return None
    return ratio(now[0] - before[0], now[1] - before[1])


def ratio(part: float, of: float) -> float | None:
    """From 0 to 1, whatever was said."""
    return min(1.0, max(0.0, part / of)) if of > 0 else None


def whole(word: bytes) -> int | None:
    """A count as /proc has it."""
    return int(word) if word.isdigit() and len(word) < 19 else None


def number(word: bytes) -> float | None:
    """A number as /proc has it, not negative, not infinite."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if 0 <= value < _MOST else None


def _first(line: bytes) -> float | None:
    words = line.split(None, 1)
    return number(words[0]) if words else None


def _busy(line: bytes) -> tuple[int, int] | None:
    """cpu user nice system idle iowait irq softirq steal; guest time is part of user already."""
    ticks = [whole(word) for word in line.split()[1:9]]
    if len(ticks) < 8 or None in ticks:
        return None
    counts = [tick for tick in ticks if tick is not None]
    return sum(counts) - counts[3] - counts[4], sum(counts)
