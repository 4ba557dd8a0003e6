"""One thing that can be typed after `:` or found in the palette."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct


class Offer(Struct, frozen=True):
    """A word after `:`, what it takes and what it does."""

    word: str
    about: str
    run: Callable[[str], str | None]
    """Given the rest of the line; why it cannot be done, or None."""
    keys: str = ""
    arguments: Callable[[], Sequence[tuple[str, str]]] | None = None
    """(argument, about) to choose from."""
    takes: str = ""
    """What it takes, in capitals; empty: nothing, or it need not be said."""
    disabled: str = ""
    also: tuple[str, ...] = ()
    """Other words for it, written in full."""
