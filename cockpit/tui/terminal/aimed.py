"""Keys that come together with the one that opens a field go into the field.

textual gives each key to the widget that has the focus when it comes (`App.on_event` and `Widget._forward_event`,
private, textual 8.2.8); over a slow link ":deploy" comes in one piece, and its letters would go to the table.
"""

from __future__ import annotations

from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from textual import events
from textual.widget import Widget
from textual.widgets import Input

from cockpit.tui.terminal.crash import QuietCrash

R = TypeVar("R")


class AimedKeys(QuietCrash[R]):
    """An app that looks where a key was sent once nobody there has wanted it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._aimed: WeakKeyDictionary[events.Key, Widget | None] = WeakKeyDictionary()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self._aimed[event] = self.focused
        elif isinstance(event, events.Key) and event in self._aimed:
            now = self.focused
            if self._aimed.pop(event) is not now and isinstance(now, Input):
                now._forward_event(events.Key(event.key, event.character))
                return
        await super().on_event(event)
