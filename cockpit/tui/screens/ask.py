"""What an action needs typed first: a command, a branch, a number of replicas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from cockpit.model.errors import Refused
from cockpit.model.printable import printable
from cockpit.tasks.action import Input as Asked
from cockpit.tasks.action import Job
from cockpit.tui.terminal.compositor import CellModalScreen


class AskScreen(CellModalScreen[Job | None]):
    """The job that the inputs make; None: left. What `bind` refuses is said and can be mended in place."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        # At once: over a slow link the next letters may have come together with the tab.
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
    ]

    def __init__(self, title: str, about: str, asked: tuple[Asked, ...], bind: Callable[[Mapping[str, str]], Job]):
        super().__init__()
        self._title = title
        self._about = about
        self._asked = asked
        self._bind = bind

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="heading", markup=False)
            if self._about:
                yield Static(printable(self._about), classes="meaning about", markup=False)
            wide = max(len(asked.title) for asked in self._asked) + 2
            for place, asked in enumerate(self._asked):
                label = Static(asked.title, classes="word" if asked.required else "word optional", markup=False)
                label.styles.width = wide
                field = Input(
                    asked.default,
                    asked.hint,
                    id=f"input-{asked.id}",
                    password=asked.secret,
                    compact=True,
                    select_on_focus=place > 0,  # what is typed replaces a default; the first text is there to be edited
                )
                field.cursor_blink = False
                yield Horizontal(label, field, classes="asked")
            if any(asked.hint and asked.default for asked in self._asked):
                yield Static("", id="hint", classes="meaning", markup=False)
            yield Static("", id="wrong", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                if len(self._asked) > 1:
                    yield Static("tab: the next one", classes="meaning", markup=False)
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Go on", id="do", compact=True)

    def on_mount(self) -> None:
        self.query_one("#wrong").display = False
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        """To what is still needed, else on: what may be empty is reached by tab."""
        fields = list(self.query(Input))
        at = fields.index(event.input)
        if self._asked[at].required and not event.value.strip():
            return self._complain(f"{self._asked[at].title} is needed")
        needed = next(
            (n for n, asked in enumerate(self._asked) if asked.required and not fields[n].value.strip()), None
        )
        if needed is not None:
            fields[needed].focus()
        else:
            self._go_on()
        return None

    @on(Button.Pressed, "#do")
    def _go_on(self) -> None:
        values = {asked.id: self._value(asked) for asked in self._asked}
        missing = next((asked for asked in self._asked if asked.required and not values[asked.id]), None)
        if missing is not None:
            self.query_one(f"#input-{missing.id}").focus()
            return self._complain(f"{missing.title} is needed")
        try:
            job = self._bind(values)
        except Refused as error:
            return self._complain(str(error))
        self.dismiss(job)
        return None

    def _value(self, asked: Asked) -> str:
        typed = self.query_one(f"#input-{asked.id}", Input).value
        return typed if asked.secret else typed.strip()

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wrong").display = False
        self._hint()

    def on_descendant_focus(self) -> None:
        self._hint()

    def _hint(self) -> None:
        """Of the field where the cursor is, once a text covers it there."""
        field = self.focused
        covered = field.placeholder if isinstance(field, Input) and field.value else ""
        for line in self.query("#hint").results(Static):
            line.update(covered)

    def _complain(self, why: str) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.update(printable(why))
        wrong.display = True

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)
