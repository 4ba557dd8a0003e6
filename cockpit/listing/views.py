"""More of one item, as lines: logs, events, YAML, a description. What changes something is an action instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Generic, Literal

from cockpit.model.changes import T


def _always(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """One way to look into an item. Keys, palette, `:` mode and help read it from the pane's catalogue."""

    id: str
    """"pods.logs": the binding id, and the word after `:`."""
    title: str
    key: str
    lines: Callable[[T], AsyncIterator[str]]
    """Lines without their end, raw (whoever draws them makes them printable). A stream that follows ends only with
    its source. Raises only `model.errors`; closing the iterator ends the request."""
    disabled: Callable[[T], str | None] = _always
    """Why it cannot be opened for this item, or None."""
    follow: bool = False
    """Stay at the end while new lines come."""
    syntax: Literal["", "yaml"] = ""
