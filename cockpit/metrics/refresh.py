"""All panels of a source again and again, told as changes: what both kinds of source have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

from cockpit.metrics.panel import Panel, unchanged
from cockpit.model.changes import Change, Confirm, Reset, Upsert

LEAST_SECONDS = 0.1
"""Between two refreshes, whatever the configuration says."""


async def refreshed(
    read: Callable[[], Awaitable[Sequence[Panel]]], interval_seconds: float
) -> AsyncGenerator[Change[Panel], None]:
    """What `read` gives, which is the same panels each time: the whole at first, then what changed. Never ends."""
    shown: dict[str, Panel] = {}
    while True:
        panels = await read()
        changed = tuple(p for p in panels if (old := shown.get(p.key)) is None or not unchanged(old, p))
        if not shown:
            yield Reset(tuple(panels))
        elif changed:
            yield Upsert(changed)
        else:
            yield Confirm()
        shown = {panel.key: panel for panel in panels}
        await asyncio.sleep(max(LEAST_SECONDS, interval_seconds))
