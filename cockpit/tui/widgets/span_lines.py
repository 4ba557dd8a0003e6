"""Rows of styled text that resend only what changed: what a view of lines and a view of a file have in common."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from cockpit.tui.terminal.cells import width
from cockpit.tui.widgets.part_style import part_style

SIDE_STEP = 16
THUMB = "┃"

Spans: TypeAlias = tuple[tuple[str, str], ...]
"""Pieces of a row: (text, style name)."""


class SpanLines(Widget, can_focus=True):
    """Paints rows and a thumb; whoever derives from it knows which rows, and moves among them."""

    STYLES: ClassVar[tuple[str, ...]] = (
        "match", "hit", "key", "muted", "bar", "notice", "stderr", "added", "removed", "hunk",
    )  # fmt: skip
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"lines--{name}" for name in STYLES}
    DEFAULT_CSS = """
    SpanLines {
        background: $surface; color: $foreground;
        & > .lines--match { text-style: reverse; }
        & > .lines--hit { color: $text-warning; text-style: bold reverse; }
        & > .lines--key { color: $text-accent; }
        & > .lines--muted { color: $text-muted; }
        & > .lines--bar { color: $text-muted; }
        & > .lines--notice { color: $text-warning; text-style: bold; }
        & > .lines--stderr { color: $text-error; }
        & > .lines--added { color: $text-success; }
        & > .lines--removed { color: $text-error; }
        & > .lines--hunk { color: $text-accent; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="lines.down"),
        Binding("k,up", "move(-1)", "Up", show=False, id="lines.up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="lines.page_down"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="lines.page_up"),
        Binding("g,home", "top", "First line", show=False, id="lines.top"),
        Binding("G,end", "end", "Last line, follow", show=False, id="lines.end"),
        Binding("left", "side(-1)", "Scroll left", show=False, id="lines.left"),
        Binding("right", "side(1)", "Scroll right", show=False, id="lines.right"),
        Binding("w", "wrap", "Wrap", id="lines.wrap"),
        Binding("n", "next(1)", "Next match", id="lines.next"),
        Binding("N", "next(-1)", "Previous match", id="lines.previous"),
    ]

    class StatusChanged(Message):
        """Following, the number of lines, or the search changed; `status` says it in one line."""

        def __init__(self, view: SpanLines, status: str) -> None:
            super().__init__()
            self.view = view
            self.status = status

        @property
        def control(self) -> SpanLines:
            return self.view

    def __init__(self, *, id: str | None = None, wrap: bool = False) -> None:
        super().__init__(id=id)
        self._wrap = wrap
        self._left = 0
        self._painted: Sequence[Spans] = ()
        self._thumb = (0, 0)
        self._said = ""
        self._tones: dict[str, Style] = {}

    @property
    def wrapped(self) -> bool:
        return self._wrap

    @property
    def status(self) -> str:
        """One line: how many lines, whether it follows, what is searched."""
        raise NotImplementedError

    # Painting

    @property
    def room(self) -> int:
        """Cells of a row."""
        return max(0, self.size.width - 1)

    def draw(self, wanted: Sequence[Spans], thumb: tuple[int, int]) -> None:
        """Show these rows, as many as the height, and the thumb between two of them."""
        painted, old = self._painted, self._thumb
        self._painted, self._thumb = wanted, thumb
        if len(painted) != len(wanted):
            self.refresh()
        else:
            regions = [
                Region(0, y, min(self.room, max(self._taken(a), self._taken(b))), 1)
                for y, (a, b) in enumerate(zip(wanted, painted, strict=True))
                if a != b
            ]
            bar = set(range(*old)) ^ set(range(*thumb))
            regions += [Region(self.room, y, 1, 1) for y in bar]
            if regions := [region for region in regions if region.width > 0]:
                self.refresh(*regions)
        if (status := self.status) != self._said:
            self._said = status
            self.post_message(self.StatusChanged(self, status))

    def forget_painted(self) -> None:
        """The next `draw` repaints everything."""
        self._painted = ()

    def _taken(self, pieces: Spans) -> int:
        """Cells of the view that a row takes."""
        return length(pieces) - (0 if _is_notice(pieces) else self._left)

    def render_line(self, y: int) -> Strip:
        if self.size.width <= 1:
            return Strip.blank(self.size.width, self._style(""))
        pieces = self._painted[y] if y < len(self._painted) else ()
        strip = Strip([Segment(text, self._style(name)) for text, name in pieces])
        left = 0 if _is_notice(pieces) else self._left
        body = strip.crop_extend(left, left + self.room, self._style(""))
        bar = Segment(THUMB if self._thumb[0] <= y < self._thumb[1] else " ", self._style("bar"))
        return Strip([*body, bar], self.size.width)

    def _style(self, name: str) -> Style:
        style = self._tones.get(name)
        if style is None:
            style = self._tones[name] = part_style(self, f"lines--{name}" if name else "")
        return style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._tones.clear()

    # Sideways

    def scroll_side(self, by: int) -> bool:
        """Scroll so many steps sideways; False where there is nothing to scroll to."""
        if self._wrap:
            return False
        most = max((length(spans) for spans in self._painted), default=0) - self.room
        return self.set_left(max(0, min(self._left + by * SIDE_STEP, max(most, self._left if by < 0 else 0))))

    def set_left(self, left: int) -> bool:
        """The first cell of the rows that is seen; True when it is another."""
        if left == self._left:
            return False
        self._left = left
        self.forget_painted()
        return True

    def bring_in(self, text: str, found: int) -> None:
        """Scroll sideways to the character at this place of a line, unless it is seen."""
        at = width(text[:found])
        if not self._wrap and not self._left <= at < self._left + self.room:
            self.set_left(max(0, at - self.room // 2))

    # Moving

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        event.prevent_default()
        self.action_move(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self.action_move(-3)

    def action_move(self, by: int) -> None:
        """So many rows down, or up."""
        raise NotImplementedError

    def action_page(self, by: int) -> None:
        self.action_move(by * max(1, self.size.height - 1))


def searched(text: str) -> re.Pattern[str] | None:
    """What finds a text typed by a person: the case counts only when there is a capital; None for none."""
    flags = 0 if any(character.isupper() for character in text) else re.IGNORECASE
    return re.compile(re.escape(text), flags) if text else None


def styled(text: str, marks: Iterable[tuple[int, int, str]], base: str = "") -> Spans:
    """The text in pieces of one style each: later marks (start, stop, style) go over earlier ones, all over `base`."""
    marks = list(marks)
    if not marks:
        return ((text, base),) if text else ()
    edges = sorted({0, len(text), *(edge for start, stop, _ in marks for edge in (start, stop))})
    pieces = []
    for start, stop in itertools.pairwise(edges):
        name = next((name for low, high, name in reversed(marks) if low <= start < high), base)
        pieces.append((text[start:stop], name))
    return tuple(pieces)


def cut(pieces: Spans, start: int, stop: int) -> Spans:
    """The characters from `start` to `stop`."""
    out, at = [], 0
    for text, name in pieces:
        low, high = max(start - at, 0), min(stop - at, len(text))
        if low < high:
            out.append((text[low:high], name))
        at += len(text)
    return tuple(out)


def length(pieces: Spans) -> int:
    """Cells that a row takes."""
    return sum(width(text) for text, _ in pieces)


def _is_notice(pieces: Spans) -> bool:
    return bool(pieces) and pieces[0][1] == "notice"
