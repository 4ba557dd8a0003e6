"""A screen whose deeds come from the catalogue: bound to keys, typed after `:`, in the palette and in the help."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import BindingType

from cockpit.tui.terminal.compositor import CellScreen

if TYPE_CHECKING:
    from cockpit.tui.app import Cockpit
    from cockpit.tui.offer import Offer
    from cockpit.tui.prompt import Prompt
    from cockpit.tui.screens.help import HelpScreen


class KeyedScreen(CellScreen[None]):
    """It owns the last line, into which filters and commands are typed."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.prompt: Prompt | None = None
        """None: nothing can be typed yet."""
        self._before_filter = ""

    @property
    def cockpit(self) -> Cockpit:
        return cast("Cockpit", self.app)

    # -- what each screen says of itself -----------------------------------------------------------

    def offered(self) -> list[Offer]:
        """What can be typed after `:` or found in the palette, here and now."""
        raise NotImplementedError

    def help_screen(self) -> HelpScreen:
        """The keys that work here."""
        raise NotImplementedError

    def focus_body(self) -> None:
        """Put the focus where the keys work."""
        raise NotImplementedError

    @property
    def filter_sign(self) -> str:
        """What stands before a filter while it is typed."""
        return "/"

    def filter_text(self) -> str:
        """The filter as it is."""
        return ""

    def filter_by(self, text: str) -> str | None:
        """Show only what matches; why not, or None."""
        raise NotImplementedError

    def preview(self, text: str) -> str | None:
        """A filter while it is typed; why not, or None."""
        return self.filter_by(text)

    # -- the last line -----------------------------------------------------------------------------

    def action_filter(self) -> None:
        self._before_filter = self.filter_text()
        self.open_prompt("filter", self.filter_sign, self._before_filter)

    def action_command(self, text: str = "") -> None:
        self.open_prompt("command", ":", text)

    def open_prompt(self, mode: str, sign: str, text: str = "") -> None:
        """Type into the last line; `entered` is told of it."""
        if self.prompt is None:
            return
        from cockpit.tui import commands

        complete = (lambda typed: commands.complete(typed, self.offered())) if mode == "command" else None
        self.prompt.open(mode, sign, text, complete)

    def _close(self) -> None:
        if self.prompt is not None:
            self.prompt.close()
        self.focus_body()

    def entered(self, mode: str, text: str) -> str | None:
        """What was typed in this mode is meant; why it cannot be done, or None."""
        from cockpit.tui import commands

        return self.filter_by(text) if mode == "filter" else commands.run(text, self.offered())

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if event.mode == "filter":
            event.prompt.complain(self.preview(event.text) or "")

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        if event.mode != "filter":
            event.prompt.mode = ""  # what is done may open the prompt anew
        why = self.entered(event.mode, event.text)
        if why:
            event.prompt.mode = event.mode
            event.prompt.complain(why)
        elif not event.prompt.mode or event.mode == "filter":
            self._close()

    def on_prompt_closed(self, event: Prompt.Closed) -> None:
        if event.mode == "filter":
            self.filter_by(self._before_filter)
        self._close()

    # -- keys that every such screen has -----------------------------------------------------------

    def action_palette(self) -> None:
        from cockpit.tui import commands
        from cockpit.tui.work import begin

        begin(self, partial(commands.palette, self), group="dialog")

    def action_help(self) -> None:
        self.app.push_screen(self.help_screen())
