"""Asked before anything that interrupts or destroys. Cancel has the focus; production wants a name or a count typed."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from cockpit.model.printable import printable
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tasks.action import Job, Risk
from cockpit.tasks.consent import demanded
from cockpit.tui.screens.sure import refusal
from cockpit.tui.terminal.compositor import CellModalScreen

_WORDS = {
    Risk.SAFE: ("Confirm", "It changes something."),
    Risk.DISRUPTIVE: ("Disruptive", "It interrupts work that comes back by itself."),
    Risk.DESTRUCTIVE: ("Destructive", "What it removes does not come back by itself."),
}


def asks(job: Job) -> bool:
    """Safe work runs at once."""
    return job.risk is not Risk.SAFE


class ConfirmScreen(CellModalScreen[bool]):
    """True: do it."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(self, job: Job, *, verb: str = "Do it") -> None:
        super().__init__()
        self.job = job
        self.verb = verb
        self.demanded = demanded(job)

    def compose(self) -> ComposeResult:
        title, meaning = _WORDS[self.job.risk]
        with Vertical(classes=f"dialog risk-{self.job.risk.value}"):
            production = " in PRODUCTION" if any(target.production for target in self.job.targets) else ""
            yield Static(f"{GLYPHS[Tone.WARN]} {title}{production}", classes="heading", markup=False)
            yield Static(printable(self.job.sentence), classes="sentence", markup=False)
            yield Static(meaning, classes="meaning", markup=False)
            if self.job.targets:
                count = len(self.job.targets)
                yield Static(f"{count} target{'' if count == 1 else 's'}", classes="count", markup=False)
                with VerticalScroll(id="targets", can_focus=False):
                    yield Static(self._targets(), markup=False)
            if self.job.preview:
                with VerticalScroll(id="preview", can_focus=False):
                    yield Static("\n".join(printable(line) for line in self.job.preview), markup=False)
            if self.demanded:
                what = "the name" if len(self.job.targets) == 1 else "the count"
                yield Static(f"Type {what} to confirm: {printable(self.demanded)}", classes="demand", markup=False)
                field = Input(id="typed", compact=True)
                field.cursor_blink = False
                yield field
                yield Static(f"that is not {what}", id="wrong", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(refusal(self.verb), id="cancel", compact=True)
                yield Button(self.verb, id="do", compact=True, disabled=bool(self.demanded))

    def on_mount(self) -> None:
        for wrong in self.query("#wrong"):
            wrong.display = False
        self.query_one("#typed" if self.demanded else "#cancel").focus()

    def _targets(self) -> Text:
        lines = Text(no_wrap=True, overflow="ellipsis")
        for target in self.job.targets:
            lines.append(f"  {printable(target.name)}")
            lines.append(" PROD" if target.production else "", "bold")
            lines.append("\n")
        lines.rstrip()
        return lines

    @on(Input.Changed, "#typed")
    def _typed(self, event: Input.Changed) -> None:
        self.query_one("#do", Button).disabled = event.value.strip() != self.demanded
        self.query_one("#wrong").display = False

    @on(Input.Submitted, "#typed")
    def _submitted(self, event: Input.Submitted) -> None:
        """The right word typed is the consent; enter need not be pressed twice."""
        if event.value.strip() == self.demanded:
            self.dismiss(True)
        else:
            self.query_one("#wrong").display = True

    @on(Button.Pressed, "#do")
    def _do(self) -> None:
        self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(False)

    def action_scroll(self, by: int) -> None:
        for box in self.query("#targets"):
            box.scroll_relative(y=by, animate=False)
