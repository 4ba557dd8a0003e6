"""Columns of what is used, for whatever has it: pods, containers, nodes. Names and units are k9s'.
They are left out where nothing is known.

A row has `cpu` in millicores and `memory` in bytes; -1 is not known (no metrics.k8s.io, or not measured yet).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cockpit.listing.cells import Cell, Column
from cockpit.model.tone import Tone

UNREAD = "n/a"
WARN_PERCENT, BAD_PERCENT = 70, 90
"""Of a limit, or of what a node has."""


def cpu_text(millicores: int) -> str:
    """ "250": thousandths of a core."""
    return UNREAD if millicores < 0 else str(millicores)


def memory_text(used_bytes: int) -> str:
    """ "128": MiB."""
    return UNREAD if used_bytes < 0 else str(used_bytes >> 20)


def percent(used: int, whole: int) -> int | None:
    """None: not known, or there is nothing to compare with."""
    return None if used < 0 or whole <= 0 else used * 100 // whole


def share(
    title: str, used: Callable[[Any], int], whole: Callable[[Any], int], *, hard: bool, wide: bool = True
) -> Column[Any]:
    """Percent. `hard`: at 100 % something is killed or throttled."""

    def cell(row: Any, _: float) -> Cell:
        found = percent(used(row), whole(row))
        if found is None:
            return Cell(UNREAD, Tone.MUTED)
        mood = Tone.NORMAL
        if hard and found >= WARN_PERCENT:
            mood = Tone.BAD if found >= BAD_PERCENT else Tone.WARN
        return Cell(str(found), mood)

    def order(row: Any) -> int:
        found = percent(used(row), whole(row))
        return -1 if found is None else found

    return Column(title.lower(), title, 6, cell, order, align="right", wide=wide, blank=UNREAD)


def _amount(title: str, text: Callable[[int], str], used: Callable[[Any], int]) -> Column[Any]:
    def cell(row: Any, _: float) -> Cell:
        return Cell(text(used(row)), Tone.MUTED if used(row) < 0 else Tone.NORMAL)

    return Column(title.lower(), title, 5, cell, used, align="right", blank=UNREAD)


CPU: Column[Any] = _amount("CPU", cpu_text, lambda r: r.cpu)
MEMORY: Column[Any] = _amount("MEM", memory_text, lambda r: r.memory)
CPU_OF_REQUEST: Column[Any] = share("%CPU/R", lambda r: r.cpu, lambda r: r.cpu_request, hard=False)
CPU_OF_LIMIT: Column[Any] = share("%CPU/L", lambda r: r.cpu, lambda r: r.cpu_limit, hard=True)
MEMORY_OF_REQUEST: Column[Any] = share("%MEM/R", lambda r: r.memory, lambda r: r.memory_request, hard=False)
MEMORY_OF_LIMIT: Column[Any] = share("%MEM/L", lambda r: r.memory, lambda r: r.memory_limit, hard=True)
