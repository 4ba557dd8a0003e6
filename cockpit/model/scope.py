"""The filter that all panes share: `*` on a row narrows every pane to what bears its name."""

from __future__ import annotations

from msgspec import Struct


class Scope(Struct, frozen=True):
    """An item is in scope when its searchable text contains `text`, whatever the case. Empty: everything is."""

    text: str = ""

    def admits(self, searchable: str) -> bool:
        """`searchable` is lower case."""
        return self.text.lower() in searchable
