"""One host's shell among several: a title, and the cells of its screen."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

from pyte.screens import Char
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from cockpit.fleet.shell.shells import Tile
from cockpit.model.printable import printable
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.terminal.cells import fitted, width
from cockpit.tui.widgets.part_style import part_style

_STATES = {"connecting": Tone.BUSY, "open": Tone.GOOD, "ended": Tone.MUTED}
_COLOURS = {
    name: str(number)
    for number, name in enumerate(("black", "red", "green", "brown", "blue", "magenta", "cyan", "white"))
} | {
    f"bright{name}": str(number)
    for number, name in enumerate(("black", "red", "green", "brown", "blue", "magenta", "cyan", "white"), 8)
}


class ShellTile(Widget):
    """Repaints the rows that have changed, and the title when what it says has."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tile--title", "tile--chosen", "tile--aside", "tile--prod"}
    DEFAULT_CSS = """
    ShellTile {
        background: $surface; color: $foreground;
        & > .tile--title { text-style: bold; }
        & > .tile--chosen { color: $accent; text-style: bold reverse; }
        & > .tile--aside { color: $text-muted; }
        & > .tile--prod { color: $prod; text-style: bold reverse; }
    }
    """

    def __init__(self, tile: Tile) -> None:
        super().__init__()
        self.tile = tile
        self.chosen = False
        self._said: tuple[object, ...] = ()
        self._cursor: tuple[int, int] | None = None

    def on_resize(self) -> None:
        """The host's terminal has the size of what is left under the title."""
        if self.size.width > 1 and self.size.height > 2:
            self.tile.resize(self.size.width - 1, self.size.height - 1)

    def sync(self) -> None:
        """Bring it up to the tile."""
        screen, across = self.tile.screen, self.size.width
        rows = screen.changed()
        cursor = screen.cursor if self.tile.joined and self.tile.state == "open" else None
        if cursor != self._cursor:
            rows |= {place[1] for place in (cursor, self._cursor) if place is not None}
            self._cursor = cursor
        said = (self.tile.state, self.tile.why, self.tile.joined, self.chosen)
        if said != self._said:
            self._said = said
            self.refresh(Region(0, 0, across, 1))
        for row in rows:
            self.refresh(Region(0, row + 1, across, 1))

    def render_line(self, y: int) -> Strip:
        if y == 0:
            return self._title()
        if y > self.tile.screen.rows:
            return Strip.blank(self.size.width, self.rich_style)
        at = self._cursor[0] if self._cursor is not None and self._cursor[1] == y - 1 else None
        return Strip(_segments(self.tile.screen.row(y - 1), self.rich_style, at)).adjust_cell_length(
            self.size.width, self.rich_style
        )

    def _title(self) -> Strip:
        tile = self.tile
        look = "tile--chosen" if self.chosen else "tile--title" if tile.joined else "tile--aside"
        aside = "" if tile.joined else " (takes no part)"
        text = f" {GLYPHS[_STATES[tile.state]]} {printable(tile.machine.name)}{aside} "
        why = f"{tile.state}{f': {printable(tile.why)}' if tile.why else ''}" if tile.state != "open" else ""
        badge = [Segment(" PROD ", part_style(self, "tile--prod"))] if tile.machine.production else []
        room = max(0, self.size.width - width(text) - 6 * len(badge))
        segments = [
            Segment(text, part_style(self, look)),
            *badge,
            Segment(fitted(f" {why}", room), part_style(self, "tile--aside")),
        ]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)


def _segments(row: list[Char], base: Style, cursor: int | None) -> list[Segment]:
    """Cells of one look are one segment. What the cell holds is outside text."""
    found: list[Segment] = []
    text, style = "", base
    for x, char in enumerate(row):
        look = base + _style(char.fg, char.bg, char.bold, char.italics, char.underscore, char.reverse ^ (x == cursor))
        if look != style and text:
            found.append(Segment(text, style))
            text = ""
        style = look
        text += _drawn(char.data)
    return [*found, Segment(text, style)] if text else found


@lru_cache(maxsize=4096)
def _drawn(data: str) -> str:
    """One cell (a wide character: two, and nothing for its second half)."""
    safe = printable(data)
    return safe if not data or safe else " "


@lru_cache(maxsize=4096)
def _style(fg: str, bg: str, bold: bool, italics: bool, underscore: bool, reverse: bool) -> Style:
    return Style(
        color=_colour(fg),
        bgcolor=_colour(bg),
        bold=bold or None,
        italic=italics or None,
        underline=underscore or None,
        reverse=reverse or None,
    )


def _colour(name: str) -> str | None:
    """pyte says "default", a name, or six hexadecimal digits."""
    if name in _COLOURS:
        return f"color({_COLOURS[name]})"
    return f"#{name}" if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name) else None
