"""Where to write something to. What cannot be written is said, and can be mended in place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from cockpit.model.errors import SourceError
from cockpit.model.printable import printable
from cockpit.tui.terminal.compositor import CellModalScreen
from cockpit.tui.work import begin


class SaveScreen(CellModalScreen[Path | None]):
    """The path that it was written to; None: left."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, title: str, about: str, proposed: str, write: Callable[[Path], Awaitable[None]]) -> None:
        """`write` may raise OSError and model.errors."""
        super().__init__()
        self._title, self._about, self._proposed, self._write = title, about, proposed, write

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="heading", markup=False)
            yield Static(self._about, classes="meaning", markup=False)
            yield Static("File", classes="label", markup=False)
            field = Input(self._proposed, id="path", compact=True, select_on_focus=False)
            field.cursor_blink = False
            yield field
            yield Static("", id="wrong", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Save", id="do", compact=True)

    def on_mount(self) -> None:
        self.query_one("#wrong").display = False
        self.query_one("#path").focus()

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one("#wrong").display = False

    @on(Input.Submitted)
    @on(Button.Pressed, "#do")
    def _save(self) -> None:
        begin(self, self._try, group="save", exclusive=True)

    async def _try(self) -> None:
        typed = self.query_one("#path", Input).value.strip()
        if not typed:
            return self._complain("a file is needed")
        path, there = await asyncio.to_thread(_place, typed)
        if there:
            return self._complain(f"{path} is there already; give another name")
        try:
            await self._write(path)
        except OSError as error:
            return self._complain(f"cannot write {path}: {error.strerror}")
        except SourceError as error:
            return self._complain(str(error))
        self.dismiss(path)
        return None

    def _complain(self, why: str) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.update(printable(why))
        wrong.display = True

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)


def _place(typed: str) -> tuple[Path, bool]:
    """The file that is meant, and whether there is one."""
    path = Path(os.path.expanduser(typed))
    return path, path.exists()
