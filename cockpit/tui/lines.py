"""One-line widgets drawn from toned pieces. They repaint only when what they say has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from cockpit.model.printable import printable
from cockpit.model.tone import Tone


class Piece(Struct, frozen=True):
    """Some text in one style. Outside text is fine: it is made printable when drawn."""

    text: str
    style: str = ""
    """A tone, or "bold", "prod", "line", "key"."""


def tone(value: Tone) -> str:
    """The style of a tone."""
    return value.value


class ToneLine(Widget):
    """Pieces from the left and from the right, cut where they meet: the left side gives way first."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"line--{name}" for name in ("muted", "good", "busy", "warn", "bad", "accent", "bold", "prod", "line", "key")
    }
    DEFAULT_CSS = """
    ToneLine { height: 1; width: 1fr; background: $surface; color: $foreground; }
    ToneLine > .line--muted { color: $muted; }
    ToneLine > .line--good { color: $success; }
    ToneLine > .line--busy { color: $busy; }
    ToneLine > .line--warn { color: $warning; }
    ToneLine > .line--bad { color: $error; text-style: bold; }
    ToneLine > .line--accent { color: $accent; text-style: bold; }
    ToneLine > .line--bold { text-style: bold; }
    ToneLine > .line--prod { color: $background; background: $prod; text-style: bold; }
    ToneLine > .line--line { color: $border-blurred; }
    ToneLine > .line--key { color: $accent; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.left: tuple[Piece, ...] = ()
        self.right: tuple[Piece, ...] = ()

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
        return self.get_component_rich_style(f"line--{name}") if name else self.rich_style

    def render_line(self, y: int) -> Strip:
        return Strip(self.laid_out(self.size.width, " ", ""), self.size.width)

    def laid_out(self, width: int, fill: str, fill_style: str) -> list[Segment]:
        """Segments of exactly `width` cells."""
        right = cut(self.right, width)
        left = cut(self.left, max(0, width - _width(right)))
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
