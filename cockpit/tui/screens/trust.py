"""Whether a host is who it says, and secrets: what keeps others out is never answered by a key pressed in passing."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from cockpit.fleet.trust.consent import UnknownKey
from cockpit.model.printable import printable
from cockpit.model.tone import GLYPHS, Tone
from cockpit.tui.terminal.compositor import CellModalScreen

Said: TypeAlias = Literal["trust", "refuse", "never"]


class KeyScreen(CellModalScreen[Said | None]):
    """The key of a host that known_hosts does not name. Refusing has the focus."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "refuse", "Refuse"),
        Binding("left,h", "app.focus_previous", show=False),
        Binding("right,l", "app.focus_next", show=False),
    ]

    def __init__(self, unknown: UnknownKey, *, offer_never: bool = False) -> None:
        super().__init__()
        self.unknown = unknown
        self._offer_never = offer_never

    def compose(self) -> ComposeResult:
        unknown = self.unknown
        offered = unknown.offered
        with Vertical(classes="dialog wide risk-disruptive"):
            yield Static(f"{GLYPHS[Tone.WARN]} Unknown host key", classes="heading", markup=False)
            yield Static(printable(unknown.where), classes="sentence", markup=False)
            yield Static(
                "known_hosts does not name it. Compare this with what the host itself, or who runs it, says:",
                classes="meaning",
                markup=False,
            )
            key = "\n".join(f"  {printable(line)}" for line in (offered.kind, offered.sha256, offered.md5))
            yield Static(key, classes="label", markup=False)
            where = f"written to {unknown.path} as {unknown.name}" if unknown.path else "taken for this session alone"
            yield Static(printable(f"Trusted, it is {where}."), classes="label meaning", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Refuse", id="refuse", compact=True)
                if self._offer_never:
                    yield Button("Refuse all of this session", id="never", compact=True)
                yield Button("Trust it", id="trust", compact=True)

    def on_mount(self) -> None:
        self.query_one("#refuse").focus()

    @on(Button.Pressed, "#trust")
    def _trust(self) -> None:
        self.dismiss("trust")

    @on(Button.Pressed, "#never")
    def _never(self) -> None:
        self.dismiss("never")

    @on(Button.Pressed, "#refuse")
    def action_refuse(self) -> None:
        self.dismiss("refuse")


class SecretScreen(CellModalScreen[str | None]):
    """Something typed that is not shown; None: left."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, title: str, about: str, why: str = "") -> None:
        """`why` is what was wrong with the last one."""
        super().__init__()
        self._title, self._about, self._why = title, about, why

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="heading", markup=False)
            yield Static(printable(self._about), classes="meaning", markup=False)
            field = Input(id="secret", password=True, compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static(printable(self._why), id="wrong", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Go on", id="do", compact=True)

    def on_mount(self) -> None:
        self.query_one("#wrong").display = bool(self._why)
        self.query_one("#secret").focus()

    @on(Input.Submitted)
    @on(Button.Pressed, "#do")
    def _go_on(self) -> None:
        self.dismiss(self.query_one("#secret", Input).value)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)
