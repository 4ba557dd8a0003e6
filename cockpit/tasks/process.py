"""Which process owns a task or a lock, and whether it still lives.

A process is its pid together with its start time and the boot it runs in: a pid alone is reused. See proc(5).
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct


class Owner(Struct, frozen=True, gc=False):
    """A process, now or then."""

    pid: int
    start: int
    """Clock ticks since boot (field 22 of /proc/<pid>/stat)."""
    boot: str
    """/proc/sys/kernel/random/boot_id"""


def this() -> Owner:
    """The process that asks."""
    pid = os.getpid()
    return Owner(pid, _start(pid) or 0, _boot())


def alive(owner: Owner) -> bool:
    """Whether that very process still runs. A zombie does not: it will never touch anything again."""
    return owner.boot == _boot() and _start(owner.pid) == owner.start


def _start(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # the command stands in parentheses and may hold anything, parentheses and blanks too
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in b"ZX" else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
