"""The output of a few hosts side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Container

from cockpit.fleet.results.compare import head, side_by_side
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.watched import Files
from cockpit.tui.lines import Piece
from cockpit.tui.widgets.beside_lines import BesideLines

if TYPE_CHECKING:
    from cockpit.tui.screens.fleet_run import RunScreen

MOST = 4
LOOK_SECONDS = 1.0
"""Between two readings of the output of hosts that have not ended."""


class BesideView(Container):
    """Of the marked hosts, else of one host of the majority and of the oddest groups, as they are when it opens."""

    TITLE = "Side by side"
    DEFAULT_CSS = "BesideView { height: 1fr; } BesideView > BesideLines { height: 1fr; }"

    def __init__(self, screen: RunScreen) -> None:
        super().__init__(id="beside")
        self._run = screen
        self._lines = BesideLines()
        self._names: list[str] = []
        self._reading: asyncio.Task[None] | None = None
        self._cut = False

    def compose(self) -> ComposeResult:
        yield self._lines

    async def changed(self, rows: Mapping[str, HostRow], dirty: Mapping[str, HostRow] | None) -> None:
        if dirty is None:
            self._names = [name for name in self._run.compared() if name in rows][:MOST]
            await self._read()
        elif any(name in dirty for name in self._names) and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read_soon(), name="beside")

    async def _read_soon(self) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        if self.is_mounted:
            await self._read()

    async def _read(self) -> None:
        files = [self._run.watched.files(name) for name in self._names]
        rows, self._cut = await asyncio.to_thread(partial(_beside, files))
        self._lines.show(self._names, rows)

    def on_unmount(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    # -- what the screen asks ----------------------------------------------------------------------

    def focus_body(self) -> None:
        self._lines.focus(scroll_visible=False)

    def focus_next(self) -> None:
        self.focus_body()

    def chosen(self) -> Sequence[str]:
        return ()

    def current(self) -> str | None:
        return self._names[0] if self._names else None

    def find(self, text: str) -> str | None:
        self._lines.search(text)
        return None

    def filter_text(self) -> str:
        return ""

    def back(self) -> bool:
        return False

    def toggle_wide(self) -> None:
        """There are no more columns."""

    def copied(self) -> str:
        return self._lines.text()

    def details(self) -> list[Piece]:
        pieces = [Piece("≠ differs from the first  + only there ", "muted")]
        if self._cut:
            pieces.append(Piece("only the beginnings are compared ", "warn"))
        if self._lines.status:
            pieces.append(Piece(self._lines.status, "muted"))
        return pieces


def _beside(files: Sequence[Files]) -> tuple[list[tuple[str | None, ...]], bool]:
    """The rows, and whether there is more than was read. Reads files."""
    columns: list[list[str]] = []
    cut = False
    for each in files:
        out, err = head(_path(each.stdout)), head(_path(each.stderr))
        cut = cut or out.cut or err.cut
        columns.append([*out.lines, *(["── stderr"] if err.lines else []), *err.lines])
    return list(side_by_side(columns)), cut


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)
