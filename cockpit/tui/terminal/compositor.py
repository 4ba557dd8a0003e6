"""Partial updates that carry only the cells that changed.

textual 8.2.8 resends a widget's line from its left edge up to the dirty span (362 bytes for one table cell where 97
do), and loses an update that falls into a `batch_update`. Private API used: `Screen._compositor`,
`_compositor_refresh`, `_dirty_widgets`, `App._batch_count`, `Compositor.render_partial_update`, `ChopsUpdate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual._compositor import ChopsUpdate, Compositor
from textual.app import App
from textual.screen import ModalScreen, Screen, ScreenResultType

from cockpit.tui.terminal.cells import wide_at

if TYPE_CHECKING:
    from rich.console import Console


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
                out.append(f"\x1b[{y + 1};{x + left + 1}H")
                out.append(strip.crop(left, right).render(console))
        return "".join(out)


class CellCompositor(Compositor):
    """The stock compositor with `CellUpdate` for partial updates."""

    def render_partial_update(self) -> CellUpdate | None:
        update = super().render_partial_update()
        return None if update is None else CellUpdate(update.chops, update.spans, update.chop_ends)


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
    """The same for dialogs."""
