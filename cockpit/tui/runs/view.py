"""One way to look at a run: what the screen asks of its views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from cockpit.fleet.run.rows import HostRow
from cockpit.tui.lines import Piece


class RunView(Protocol):
    """A widget of the run screen. Only the one that is seen is told of changes."""

    TITLE: str
    display: bool

    async def changed(self, rows: Mapping[str, HostRow], dirty: Mapping[str, HostRow] | None) -> None:
        """These rows are others than before; None: look at all."""

    def focus_body(self) -> None:
        """Put the focus where the keys of the view work."""

    def focus_next(self) -> None:
        """To its next part."""

    def chosen(self) -> Sequence[str]:
        """The hosts under the marks; without marks none."""

    def current(self) -> str | None:
        """The host under the cursor."""

    def find(self, text: str) -> str | None:
        """Show, or find, what matches; why not, or None."""

    def filter_text(self) -> str: ...

    def back(self) -> bool:
        """Undo the nearest thing: marks, a filter. False: there is none."""

    def copied(self) -> str: ...

    def toggle_wide(self) -> None:
        """Show more columns, or fewer."""

    def details(self) -> list[Piece]:
        """Counts, filter and marks, for the line above."""
