"""One-line widgets drawn from toned pieces. They repaint only when what they say has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model.printable import printable
from cockpit.model.tone import Tone

LOOKS: dict[str, tuple[str, bool, bool]] = {
    "muted": ("muted", False, False),
    "good": ("success", False, False),
    "busy": ("busy", False, False),
    "warn": ("warning", False, False),
    "bad": ("error", True, False),
    "accent": ("accent", True, False),
    "key": ("accent", True, False),
    "bold": ("foreground", True, False),
    "badge": ("prod", True, True),
    "current": ("border", True, True),
}
"""Style -> (variable of the theme, bold, reverse). Not component classes: textual applies the whole style sheet to each
of those for every widget, and the first frame waits for it."""


class Piece(Struct, frozen=True):
    """Some text in one style. Outside text is fine: it is made printable when drawn."""

    text: str
    style: str = ""
    """A tone, another of LOOKS, or a variable of the theme."""


def key_hints(words: Iterable[tuple[str, str]]) -> list[Piece]:
    """(key, what it does): the keys of a screen, for its last line."""
    return [Piece(" "), *(piece for key, word in words for piece in (Piece(key, "key"), Piece(f" {word}  ", "muted")))]


def tone(value: Tone) -> str:
    """The style of a tone."""
    return value.value


class ToneLine(Widget):
    """Pieces from the left and from the right, cut where they meet: the left side gives way first."""

    DEFAULT_CSS = "ToneLine { height: 1; width: 1fr; background: $surface; color: $foreground; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.left: tuple[Piece, ...] = ()
        self.right: tuple[Piece, ...] = ()
        self._looks: dict[str, Style] = {}

    def say(self, left: Iterable[Piece], right: Iterable[Piece] = ()) -> None:
        """Show this; free when nothing changed."""
        new_left, new_right = tuple(left), tuple(right)
        if (new_left, new_right) != (self.left, self.right):
            self.left, self.right = new_left, new_right
            self.refresh()

    @property
    def text(self) -> str:
        """What it says, plain."""
        return "".join(piece.text for piece in (*self.left, *self.right))

    def style_of(self, name: str) -> Style:
        """One of LOOKS, or a variable of the theme."""
        style = self._looks.get(name)
        if style is None:
            style = self.rich_style
            if name:
                variable, bold, reverse = LOOKS.get(name, (name, False, False))
                colour = Color.parse(self.app.theme_variables[variable]).rich_color
                style = style + Style(color=colour, bold=bold or None, reverse=reverse or None)
            self._looks[name] = style
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._looks.clear()

    def render_line(self, y: int) -> Strip:
        return Strip(self.laid_out(self.size.width, " ", ""), self.size.width)

    def laid_out(self, width: int, fill: str, fill_style: str) -> list[Segment]:
        """Segments of exactly `width` cells."""
        right = cut(self.right, width)
        left = cut(self.left, max(0, width - _width(right) - bool(right)))
        gap = Piece(fill * max(0, width - _width(left) - _width(right)), fill_style)
        return [Segment(piece.text, self.style_of(piece.style)) for piece in (*left, gap, *right) if piece.text]


def cut(pieces: Sequence[Piece], width: int) -> list[Piece]:
    """The pieces that fit, the last one cut with an ellipsis."""
    fitting: list[Piece] = []
    for piece in pieces:
        text = printable(piece.text)
        size = cell_len(text)
        if size > width:
            if width > 1:
                fitting.append(Piece(set_cell_size(text, width - 1) + "…", piece.style))
            break
        fitting.append(Piece(text, piece.style))
        width -= size
    return fitting


def _width(pieces: Iterable[Piece]) -> int:
    return sum(cell_len(piece.text) for piece in pieces)
