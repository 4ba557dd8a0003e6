"""The files that the output of tasks is spilled to: where they are, reading them, following them, forgetting them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

from cockpit.tasks.output import HEAD_BYTES, TAIL_BYTES, Ends, Page, read_page, text

TOTAL_BYTES = 2**30
"""Of all spills together; the oldest go first."""
FOLLOW_SECONDS = 0.25
"""Between two looks at the spill of another process."""


def path(folder: Path, task_id: str) -> Path:
    """`folder` is the task manager's. The spill is there only when the task said anything."""
    return folder / f"{task_id}.output"


def forget(folder: Path, task_ids: Iterable[str]) -> None:
    """Blocking."""
    for task_id in task_ids:
        path(folder, task_id).unlink(missing_ok=True)


def trim(folder: Path, most_bytes: int = TOTAL_BYTES) -> None:
    """Forget the oldest spills until the rest fits; blocking."""
    found = [(status.st_mtime, status.st_size, spill) for spill in folder.glob("*.output") if (status := _stat(spill))]
    total = sum([size for _, size, _ in found])
    for _, size, spill in sorted(found):
        if total <= most_bytes:
            return
        spill.unlink(missing_ok=True)
        total -= size


def _stat(spill: Path) -> os.stat_result | None:
    try:
        return spill.lstat()
    except FileNotFoundError:
        return None


async def ends(spill: Path, target: str = "") -> list[str]:
    """First and last lines of a spill, of one target or of all. A spill that is not there has none."""

    def read() -> list[str]:
        kept = Ends(HEAD_BYTES, TAIL_BYTES)
        offset, end = 0, False
        while not end:
            page = read_page(spill, offset)
            offset, end = page.offset, page.end
            for name, line in page.lines:
                if not target or text(name) == target:
                    kept.add((name, line))
        return [text(line) for _, line in kept.lines()]

    return await asyncio.to_thread(read)


async def follow(
    spill: Path, is_over: Callable[[], bool], grown: asyncio.Event | None = None
) -> AsyncGenerator[tuple[str, str], None]:
    """(target, line) of a spill, from the first on, until `is_over` and all is read."""
    offset = 0
    while True:
        if grown is not None:
            grown.clear()
        over = is_over()
        page: Page = await asyncio.to_thread(read_page, spill, offset)
        offset = page.offset
        for name, line in page.lines:
            yield text(name), text(line)
        if page.end:
            if over:
                return
            await _pause(grown)


async def _pause(grown: asyncio.Event | None) -> None:
    """Several may follow one task, and each clears the event: so it is never waited for alone."""
    if grown is None:
        await asyncio.sleep(FOLLOW_SECONDS)
        return
    try:
        async with asyncio.timeout(FOLLOW_SECONDS):
            await grown.wait()
    except TimeoutError:
        pass
