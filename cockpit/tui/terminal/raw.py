"""Sequences that go to the terminal as they are: the clipboard, a notification. They bypass the screen.

textual has no public way to write (`App._driver`, private, textual 8.2.8).
"""

from __future__ import annotations

from typing import Any

from textual.app import App

from cockpit.model.printable import printable


def send(app: App[Any], sequence: str) -> None:
    """Write an escape sequence of our own making; nothing without a driver."""
    if app._driver is not None:
        app._driver.write(sequence)


def osc9(text: str) -> str:
    """A desktop notification as iTerm2, kitty, WezTerm and Windows Terminal know it."""
    return f"\x1b]9;{printable(text)}\x07"
