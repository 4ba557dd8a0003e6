"""Shells on several hosts beside each other: every key goes to all that take part, but for the one that leads in."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Grid

from cockpit.fleet.shell.shells import Shells
from cockpit.tui.lines import Piece, ToneLine
from cockpit.tui.screens.sure import SureScreen
from cockpit.tui.terminal.compositor import CellScreen
from cockpit.tui.terminal.typed import typed
from cockpit.tui.widgets.shell_tile import ShellTile
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from collections.abc import Callable

LEAD = "ctrl+right_square_bracket"
"""As in telnet(1): the next key is for cockpit."""
PAINT_SECONDS = 0.05
COLUMNS_LEAST = 60
"""A tile is at least so wide where that is possible."""


class Keys(Grid, can_focus=True):
    """Has the focus, so that every key comes here first."""

    def __init__(self, *tiles: ShellTile, take: Callable[[events.Key], None], paste: Callable[[str], None]) -> None:
        super().__init__(*tiles)
        self._take, self._paste = take, paste

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """All of them: a binding's key is typed like any other."""
        return True

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self._take(event)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._paste(event.text)


class ShellsScreen(CellScreen[None]):
    """Leaving it hangs up on all of them; it asks while some are open."""

    CSS_PATH = "screens.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []
    DEFAULT_CSS = """
    ShellsScreen { layout: vertical; layers: base above; }
    ShellsScreen > Keys { height: 1fr; grid-gutter: 0 1; background: $background; }
    """

    def __init__(self, shells: Shells) -> None:
        super().__init__()
        self._shells = shells
        self._tiles = [ShellTile(tile) for tile in shells.tiles]
        self._chosen: int | None = None
        """The only one that keys go to; None: all that take part."""
        self._leading = False
        self._zoomed = False
        self._head = ToneLine(classes="screen-head")
        self._hints = ToneLine(classes="screen-hints")
        self._keys = Keys(*self._tiles, take=self._take, paste=self._type_text)

    def compose(self) -> ComposeResult:
        yield self._head
        yield self._keys
        yield self._hints

    def on_mount(self) -> None:
        self._arrange()
        self._keys.focus()
        self._tell()
        begin(self, self._paint, group="paint")

    def on_unmount(self) -> None:
        self._shells.close()

    def on_resize(self) -> None:
        self._arrange()

    async def _paint(self) -> None:
        while True:
            await self._shells.changed.wait()
            self._shells.changed.clear()
            for tile in self._tiles:
                tile.sync()
            self._tell()
            await asyncio.sleep(PAINT_SECONDS)

    def _arrange(self) -> None:
        """As near to the shape of a terminal as the screen allows."""
        seen = [tile for place, tile in enumerate(self._tiles) if not self._zoomed or place == self._chosen]
        for tile in self._tiles:
            tile.display = tile in seen
        across = max(1, min(len(seen), self.app.size.width // COLUMNS_LEAST, math.ceil(math.sqrt(len(seen)))))
        self._keys.styles.grid_size_columns = across
        self._keys.styles.grid_size_rows = -(-len(seen) // across)

    # -- what is said --------------------------------------------------------------------------

    def _tell(self) -> None:
        shells = self._shells
        taking = sum(tile.joined and tile.state == "open" for tile in shells.tiles)
        to = f"keys go to {taking} of {len(shells.tiles)}"
        if self._chosen is not None:
            to = f"keys go to {shells.tiles[self._chosen].machine.name} alone"
        self._head.say(
            [Piece(" Shells ", "bold"), Piece(to, "warn" if taking > 1 and self._chosen is None else "accent")],
            [Piece(f"{shells.open} open ", "muted")],
        )
        words = [("ctrl+]", "then:")]
        words += [("q", "leave"), ("n", "next alone"), ("a", "all"), ("space", "in or out"), ("z", "zoom"), ("]", "^]")]
        look = "current" if self._leading else "key"
        self._hints.say(
            [Piece(" "), *(p for key, word in words for p in (Piece(key, look), Piece(f" {word}  ", "muted")))]
        )

    # -- keys ----------------------------------------------------------------------------------

    def _take(self, event: events.Key) -> None:
        if self._leading:
            self._leading = False
            self._lead(event)
        elif event.key == LEAD:
            self._leading = True
        else:
            self._type(typed(event))
        self._tell()

    def _lead(self, event: events.Key) -> None:
        match event.key:
            case "q" | "ctrl+q":
                begin(self, self._leave, group="dialog")
            case "n" | "tab":
                self._choose(0 if self._chosen is None else (self._chosen + 1) % len(self._tiles))
            case "N" | "shift+tab":
                self._choose((self._chosen or 0) - 1 if self._chosen else len(self._tiles) - 1)
            case "a":
                for tile in self._shells.tiles:
                    tile.joined = True
                self._zoomed = False
                self._choose(None)
            case "space":
                if self._chosen is None:
                    self.app.notify("choose one first: ctrl+] n", timeout=3)
                else:
                    tile = self._shells.tiles[self._chosen]
                    tile.joined = not tile.joined
                    self._tiles[self._chosen].sync()
            case "z":
                if self._chosen is None:
                    self._choose(0)
                self._zoomed = not self._zoomed
                self._arrange()
            case _ if event.key in (LEAD, "right_square_bracket"):
                self._type(b"\x1d")
            case _:
                pass

    def _choose(self, place: int | None) -> None:
        self._chosen = place
        for number, tile in enumerate(self._tiles):
            tile.chosen = number == place
            tile.sync()
        self._arrange()

    def _type(self, data: bytes) -> None:
        if not data:
            return
        if self._chosen is not None:
            self._shells.tiles[self._chosen].write(data)
        elif not self._shells.type(data):
            self.app.notify("no shell takes part; ctrl+] a brings all in", severity="warning", timeout=3)

    def _type_text(self, text: str) -> None:
        self._type(text.replace("\r\n", "\r").replace("\n", "\r").encode())

    async def _leave(self) -> None:
        count = self._shells.open
        names = [tile.machine.name for tile in self._shells.tiles if tile.state != "ended"]
        question = f"Hang up on {count} open shell{'' if count == 1 else 's'}?"
        if not count or await self.app.push_screen_wait(SureScreen(question, names, "Hang up")):
            self.dismiss(None)


def open_shells(app: Any, shells: Shells) -> None:
    """Show the shells of a task that has just been submitted."""
    app.push_screen(ShellsScreen(shells))
