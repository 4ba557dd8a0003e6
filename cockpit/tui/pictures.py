"""The README's screenshots, drawn from a running cockpit: `cockpit demo --screenshots DIR`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cockpit.config.places import config_dir
from cockpit.config.settings import Settings
from cockpit.session.pane import Pane
from cockpit.session.session import Session, open_session
from cockpit.tui import themes
from cockpit.tui.app import Cockpit

SIZE = (160, 45)
SECONDS = 120.0
FILLED_SECONDS = 240.0
"""Of watching, so that the charts are nearly full; they show five minutes."""
PICTURES = {
    "overview": (),
    "fleet": ("1", "plus"),
    "pods": ("2", "plus"),
    "metrics": ("3", "plus"),
    "pipelines": ("4", "plus"),
}
"""File name -> the keys that lead there from the four panes."""


def draw(settings: Settings, folder: Path, *, ready: Callable[[Mapping[str, Pane[Any]]], bool]) -> int:
    """Write `NAME.svg` for each of PICTURES once `ready` holds; the exit code is 1 when it never did."""
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(_draw(settings, folder, ready))


async def _draw(settings: Settings, folder: Path, ready: Callable[[Mapping[str, Pane[Any]]], bool]) -> int:
    opened: list[Session] = []

    @asynccontextmanager
    async def factory() -> AsyncIterator[Session]:
        async with open_session(settings) as session:
            opened.append(session)
            yield session

    app = Cockpit(settings, session_factory=factory, found_themes=list(themes.find(config_dir() / "themes")))
    async with app.run_test(size=SIZE) as pilot:
        try:
            async with asyncio.timeout(SECONDS):
                while not opened or not ready(opened[0].panes):
                    await pilot.pause(0.2)
        except TimeoutError:
            return 1
        await pilot.pause(FILLED_SECONDS)
        for name, keys in PICTURES.items():
            await pilot.press(*keys)
            await pilot.pause(0.5)
            (folder / f"{name}.svg").write_text(app.export_screenshot(title="cockpit demo"), encoding="utf-8")
            if keys:
                await pilot.press("plus")
    return 0
