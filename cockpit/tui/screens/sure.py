"""A plain question with Cancel as the answer that has the focus: quitting while tasks run, stopping a task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Static

from cockpit.model.printable import printable
from cockpit.tui.terminal.compositor import CellModalScreen


def refusal(verb: str) -> str:
    """What the button says that does nothing: where the deed itself is a cancel, "Cancel" could mean either."""
    return "Leave it" if verb.lower().startswith("cancel") else "Cancel"


class SureScreen(CellModalScreen[bool]):
    """True: yes."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
    ]

    def __init__(self, question: str, about: Sequence[str], verb: str) -> None:
        super().__init__()
        self._question = question
        self._about = about
        self._verb = verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(printable(self._question), classes="heading", markup=False)
            with VerticalScroll(id="targets", can_focus=False):
                yield Static("\n".join(f"  {printable(line)}" for line in self._about), markup=False)
            with Horizontal(classes="buttons"):
                yield Button(refusal(self._verb), id="cancel", compact=True)
                yield Button(self._verb, id="do", compact=True)

    def on_mount(self) -> None:
        self.query_one("#cancel").focus()

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)
