"""A table over the whole screen: the units of a host, all deployments. Its feed runs while the screen is open."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from cockpit.session.pane import Pane
from cockpit.tui.deeds import Deeds
from cockpit.tui.keymap import Keymap
from cockpit.tui.lines import ToneLine, key_hints
from cockpit.tui.panes.table_pane import TablePane
from cockpit.tui.prompt import Prompt
from cockpit.tui.screens.pane_keys import PaneKeys
from cockpit.tui.state import PaneState
from cockpit.tui.terminal.bindings import bind_to
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.session import Session

CLOCK_SECONDS = 10.0
NOTHING: Mapping[str, str] = MappingProxyType({})


class DrillFrame(TablePane):
    """The only pane of its screen."""

    def __init__(self, name: str, title: str, keymap: Keymap) -> None:
        self.NAME, self.TITLE = name, title
        super().__init__(0, PaneState(), keymap)


class PaneScreen(PaneKeys):
    """Closing it ends the feed."""

    CSS_PATH = "screens.tcss"

    def __init__(
        self, pane: Pane[Any], title: str, session: Session, keymap: Keymap, narrowed: Mapping[str, str] = NOTHING
    ) -> None:
        super().__init__()
        self.session = session
        self.pane = pane
        self.heading = title
        self.current = DrillFrame(pane.name, title, keymap)
        self.current.narrow(narrowed)
        self._hints = ToneLine(classes="screen-hints")

    def compose(self) -> ComposeResult:
        yield self.current
        yield self._hints
        self.prompt = Prompt()
        yield self.prompt

    async def on_mount(self) -> None:
        keymap = self.cockpit.keymap
        keymap.open_drill(self.pane)
        assert self.session is not None
        self.deeds = Deeds(self.cockpit, self.session)
        bind_to(self, [binding for binding in keymap.bindings(("main",)) if hasattr(self, f"action_{binding.action}")])
        begin(self, self.pane.feed.run, group="feed")
        await self.current.adopt(self.pane)
        self.current.set_current(True)
        self.current.watch_feed(True)
        self.current.focus_body()
        self.set_interval(CLOCK_SECONDS, self.current.tick)
        self._tell_hints()

    def on_unmount(self) -> None:
        self.cockpit.keymap.close_drill(self.pane)

    def on_screen_suspend(self) -> None:
        self.current.watch_feed(self.app.screen.is_modal)

    def on_screen_resume(self) -> None:
        if self.current.pane is not None:
            self.current.watch_feed(True)

    def _tell_hints(self) -> None:
        keymap = self.cockpit.keymap
        words = keymap.hinted(self.pane.name)
        words += [(keymap.shown(f"app.{name}"), name) for name in ("back", "filter", "help")]
        self._hints.say(key_hints(words))

    def action_retry(self) -> None:
        self.pane.feed.retry()
        self.app.notify("reading the source again", timeout=2)

    def action_back(self) -> None:
        """One thing at a time, the nearest first."""
        if not self.back_in_pane():
            self.dismiss(None)

    def action_quit(self) -> None:
        self.dismiss(None)
