"""Search everything that can be done, by any part of its title or id."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input

from cockpit.tui.prompt import Candidate, Choices, PromptInput
from cockpit.tui.terminal.compositor import CellModalScreen

MOST = 14


class PaletteScreen(CellModalScreen[str | None]):
    """The text of the chosen candidate; None: left."""

    CSS_PATH = "dialogs.tcss"

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        super().__init__()
        self._candidates = candidates

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide palette"):
            field = PromptInput(placeholder="what to do", compact=True)
            field.cursor_blink = False
            yield field
            yield Choices(MOST)

    def on_mount(self) -> None:
        self.query_one(Choices).offer(self._candidates, 0)
        self.query_one(PromptInput).focus()

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self.query_one(Choices).offer(found(event.value, self._candidates), 0)

    @on(PromptInput.Chose)
    def _chose(self, event: PromptInput.Chose) -> None:
        self.query_one(Choices).choose(event.by)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        choices = self.query_one(Choices)
        if choices.chosen >= 0:
            self.dismiss(choices.candidates[choices.chosen].text)

    @on(PromptInput.Left)
    def _left(self) -> None:
        self.dismiss(None)


def found(text: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that hold every word; a match at a word's beginning comes first."""
    words = text.lower().split()

    def rank(candidate: Candidate) -> int | None:
        haystack = f"{candidate.about} {candidate.text}".lower()
        if any(word not in haystack for word in words):
            return None
        return sum(f" {word}" not in f" {haystack.replace('.', ' ')}" for word in words)

    ranked = [(rank(candidate), candidate) for candidate in candidates]
    return [candidate for place, candidate in sorted(((r, c) for r, c in ranked if r is not None), key=lambda e: e[0])]
