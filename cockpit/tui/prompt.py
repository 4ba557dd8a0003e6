"""The last line of the screen while something is typed into it: a filter, live, or a command, with completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from cockpit.model.printable import printable

CHOICES = 8
"""Lines of completion at most."""


class Candidate(Struct, frozen=True):
    """One way to complete what is typed."""

    text: str
    about: str = ""
    keys: str = ""
    disabled: str = ""
    """Why it cannot be done now; shown greyed."""


class Choices(Static):
    """Candidates, a line each, one of them chosen."""

    DEFAULT_CSS = "Choices { height: auto; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }"

    def __init__(self, most: int) -> None:
        super().__init__("", markup=False)
        self._most = most
        self.candidates: Sequence[Candidate] = ()
        self.chosen = -1

    def offer(self, candidates: Sequence[Candidate], chosen: int = -1) -> None:
        self.candidates, self.chosen = candidates, chosen if candidates else -1
        self._draw()

    def choose(self, by: int) -> Candidate | None:
        """The next one, around the ends; None when there is none."""
        if not self.candidates:
            return None
        if self.chosen < 0:
            self.chosen = 0 if by > 0 else len(self.candidates) - 1
        else:
            self.chosen = (self.chosen + by) % len(self.candidates)
        self._draw()
        return self.candidates[self.chosen]

    def _draw(self) -> None:
        self.display = bool(self.candidates)
        start = max(0, self.chosen - self._most + 1)
        shown = self.candidates[start : start + self._most]
        wide = max((cell_len(candidate.text) for candidate in shown), default=0)
        keys = max((cell_len(candidate.keys) for candidate in shown), default=0)
        lines = Text(no_wrap=True, overflow="ellipsis")
        for at, candidate in enumerate(shown, start):
            style = "reverse" if at == self.chosen else "dim" if candidate.disabled else ""
            about = f"not now: {candidate.disabled}" if candidate.disabled else candidate.about
            text = printable(f"{candidate.text:<{wide}}  {candidate.keys:<{keys}}  {about}")
            lines.append(text, style)
            lines.append("\n" if at < start + len(shown) - 1 else "")
        self.update(lines)


class PromptInput(Input):
    """Tab and the arrows choose a completion; what it does not need goes nowhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False, priority=True),
        Binding("tab,down", "choose(1)", show=False, priority=True),
        Binding("shift+tab,up", "choose(-1)", show=False, priority=True),
    ]

    class Left(Message):
        """Escape."""

    class Chose(Message):
        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def action_leave(self) -> None:
        self.post_message(self.Left())

    def action_choose(self, by: int) -> None:
        self.post_message(self.Chose(by))


class Prompt(Vertical):
    """Hidden until `open`; tells its owner what was typed, entered or left."""

    DEFAULT_CSS = """
    Prompt { height: auto; dock: bottom; layer: above; display: none; background: $panel; }
    Prompt Horizontal { height: 1; }
    Prompt #sign { width: auto; padding: 0 0 0 1; color: $accent; text-style: bold; }
    Prompt #said { width: auto; max-width: 60%; padding: 0 1; color: $error; }
    Prompt PromptInput, Prompt PromptInput:focus {
        width: 1fr; height: 1; border: none; padding: 0; background: $panel;
    }
    """

    class PromptMessage(Message):
        """What stands in the prompt, and why it was opened."""

        def __init__(self, prompt: Prompt, text: str) -> None:
            super().__init__()
            self.prompt, self.mode, self.text = prompt, prompt.mode, text

    class Typed(PromptMessage):
        """Another character."""

    class Entered(PromptMessage):
        """Enter."""

    class Closed(PromptMessage):
        """Left without entering."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.mode = ""
        self._complete: Callable[[str], Sequence[Candidate]] | None = None
        self._typed = ""

    def compose(self) -> ComposeResult:
        yield Choices(CHOICES)
        with Horizontal():
            yield Static("", id="sign", markup=False)
            field = PromptInput(id="field", compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static("", id="said", markup=False)

    def open(
        self, mode: str, sign: str, text: str = "", complete: Callable[[str], Sequence[Candidate]] | None = None
    ) -> None:
        """Take the focus and start with `text`."""
        self.mode, self._complete = mode, complete
        self.query_one("#sign", Static).update(sign)
        field = self.query_one(PromptInput)
        with field.prevent(Input.Changed):
            field.value = text
        # What was there is marked: typing replaces it, an arrow key keeps it.
        field.selection = Selection(0, len(text)) if mode == "filter" else Selection.cursor(len(text))
        self.display = True
        self.complain("")
        self._offer(text)
        self.screen.set_focus(field, scroll_visible=False)  # at once: the next letter is for the field

    def close(self) -> None:
        self.display = False
        self.mode = ""

    def complain(self, why: str) -> None:
        """Say what is wrong with what is typed; empty: nothing is."""
        said = self.query_one("#said", Static)
        said.update(printable(why))
        said.display = bool(why)

    def _offer(self, text: str) -> None:
        self._typed = text
        self.query_one(Choices).offer(self._complete(text) if self._complete is not None else ())

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self._offer(event.value)
        self.post_message(self.Typed(self, event.value))

    @on(PromptInput.Chose)
    def _chose(self, event: PromptInput.Chose) -> None:
        event.stop()
        candidate = self.query_one(Choices).choose(event.by)
        if candidate is None:
            return
        field = self.query_one(PromptInput)
        with field.prevent(Input.Changed):
            field.value = candidate.text
        field.cursor_position = len(field.value)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Entered(self, event.value))

    @on(PromptInput.Left)
    def _left(self, event: PromptInput.Left) -> None:
        event.stop()
        self.post_message(self.Closed(self, self._typed))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        if self.display:
            self.post_message(self.Closed(self, self._typed))
