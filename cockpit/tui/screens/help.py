"""The keys of the current pane, from the same bindings that the keys go through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from cockpit.model.printable import printable
from cockpit.tui.terminal.compositor import CellModalScreen


class HelpLine(Struct, frozen=True):
    keys: str
    title: str
    about: str
    disabled: str = ""
    """Why it cannot be done now."""


class HelpScreen(CellModalScreen[None]):
    """Groups of keys; any of the leaving keys closes it."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "close", "Close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("space,pagedown", "scroll(10)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
    ]

    def __init__(self, title: str, groups: Sequence[tuple[str, Sequence[HelpLine]]], foot: str) -> None:
        super().__init__()
        self._title = title
        self.groups = groups
        self._foot = foot

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static(self._title, classes="heading", markup=False)
            with VerticalScroll(id="help"):
                yield Static(self._lines(), markup=False)
            yield Static(self._foot, classes="meaning", markup=False)

    def on_mount(self) -> None:
        self.query_one("#help").focus()

    def _lines(self) -> Text:
        every = [line for _, group in self.groups for line in group]
        keys = max((len(line.keys) for line in every), default=0)
        titles = max((len(line.title) for line in every), default=0)
        drawn = Text(no_wrap=True, overflow="ellipsis")
        for name, group in self.groups:
            if not group:
                continue
            drawn.append(f"{name}\n", "bold")
            for line in group:
                about = f"not now: {line.disabled}" if line.disabled else line.about
                style = "dim" if line.disabled else ""
                text = f"  {line.keys:<{keys}}  {line.title:<{titles}}  {'' if about == line.title else about}"
                drawn.append(f"{printable(text.rstrip())}\n", style)
            drawn.append("\n")
        drawn.rstrip()
        return drawn

    def action_close(self) -> None:
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        self.query_one("#help").scroll_relative(y=by, animate=False)
