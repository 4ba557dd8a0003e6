"""Updates that carry only the cells that changed, each at its place.

textual 8.2.8 resends a widget's line from its left edge up to the dirty span (362 bytes for one table cell where 97
do), loses an update that falls into a `batch_update`, and lets a character that the terminal draws wider or narrower
than rich counts shift the rest of the line. Private API used: `Screen._compositor`, `_compositor_refresh`,
`_on_resize`, `_dirty_widgets`, `App._batch_count`, `Compositor.render_partial_update`, `render_full_update`,
`_render_chops`, `_dirty_regions`, `cuts`, `ChopsUpdate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.segment import Segment
from textual import events
from textual._compositor import ChopsUpdate, Compositor
from textual.app import App
from textual.screen import ModalScreen, Screen, ScreenResultType
from textual.strip import Strip

from cockpit.tui.terminal.cells import disputed, wide_at

if TYPE_CHECKING:
    from rich.console import Console


DIALOG_HEIGHTS = [(0, "-short"), (30, "-tall")]
"""The class that a dialog has from so many lines on."""


class CellUpdate(ChopsUpdate):
    """The dirty spans and nothing else. A wide character that a span would halve is sent whole."""

    def render_segments(self, console: Console) -> str:
        out: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                left, right = max(x, x1) - x, min(end, x2) - x
                if left > 0 and wide_at(strip, left):
                    left -= 1
                if right < end - x and wide_at(strip, right):
                    right += 1
                for at, piece in _pieces(strip.crop(left, right)):
                    out.append(f"\x1b[{y + 1};{x + left + at + 1}H")
                    out.append(piece.render(console))
        return "".join(out)


def _pieces(strip: Strip) -> Iterator[tuple[int, Strip]]:
    """The strip in pieces (first cell, piece) that each need the cursor put in its place.

    Text of disputed width stands alone, on cleared ground.
    """
    if not disputed(strip.text):
        yield 0, strip
        return
    at = start = 0
    gathered: list[Segment] = []
    for segment in strip:
        if not disputed(segment.text):
            gathered.append(segment)
            at += segment.cell_length
            continue
        if gathered:
            yield start, Strip(gathered)
        yield at, Strip([Segment(" " * segment.cell_length, segment.style)])
        yield at, Strip([segment])
        at += segment.cell_length
        gathered, start = [], at
    if gathered:
        yield start, Strip(gathered)


class CellCompositor(Compositor):
    """The stock compositor with `CellUpdate` for its updates."""

    def render_partial_update(self) -> CellUpdate | None:
        update = super().render_partial_update()
        return None if update is None else CellUpdate(update.chops, update.spans, update.chop_ends)

    def render_full_update(self, simplify: bool = False) -> Any:
        """All lines, piece by piece; `simplify` is for screenshots."""
        if simplify:
            return super().render_full_update(simplify)
        screen = self.size.region
        self._dirty_regions.clear()
        chops = self._render_chops(screen, lambda y: True)
        spans = [(y, 0, screen.width) for y in screen.line_range]
        return CellUpdate(chops, spans, [cuts[1:] for cuts in self.cuts])


class _CellPainting(Screen[ScreenResultType]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._compositor = CellCompositor()

    async def _on_resize(self, event: events.Resize) -> None:
        """A screen tells itself each size it takes; two sizes on their way at once would chase each other for ever."""
        if event.size != self.app.size:
            event.prevent_default()
            event.stop()

    def _compositor_refresh(self) -> None:
        """What a batch holds back stays dirty, so that the end of the batch paints it."""
        app: App[object] = self.app
        if app._batch_count:
            self._dirty_widgets.add(self)
            return
        super()._compositor_refresh()


class CellScreen(_CellPainting[ScreenResultType]):
    """A screen that sends only changed cells. Every screen of cockpit is one."""


class CellModalScreen(_CellPainting[ScreenResultType], ModalScreen[ScreenResultType]):
    """The same for dialogs, which are set closer where there are few lines."""

    VERTICAL_BREAKPOINTS = DIALOG_HEIGHTS
