"""From the catalogue's commands to textual's bindings, with the user's keys in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

from cockpit.config.settings import Settings
from cockpit.session import catalogue
from cockpit.session.catalogue import Command

if TYPE_CHECKING:
    from cockpit.session.pane import Pane
    from cockpit.tasks.action import Action

_SHOWN = {
    "escape": "esc", "question_mark": "?", "slash": "/", "colon": ":", "plus": "+", "underscore": "_", "asterisk": "*",
    "less_than_sign": "<", "greater_than_sign": ">", "pagedown": "pgdn", "pageup": "pgup", "exclamation_mark": "!",
    "equals_sign": "=", "full_stop": ".", "comma": ",", "minus": "-",
    "left_square_bracket": "[", "right_square_bracket": "]",
    "down": "↓", "up": "↑", "left": "←", "right": "→", "shift+tab": "shift+tab",
}  # fmt: skip


HINTED = 6
"""Commands of a pane in the last line."""


class Keymap:
    """Which keys do what in this run. Knows the commands of a pane once the session is there."""

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self._keys = settings.keys
        self.read_only = read_only
        self._lasting: Mapping[str, Pane[Any]] = {}
        self._opened: list[Pane[Any]] = []
        """Over the others, the newest last."""
        self._panes: Mapping[str, Pane[Any]] = {}
        """By name. A newer one hides one of the same name: only the newest has the keys."""
        self._bound = catalogue.bound({}, self._keys)

    def adopt(self, panes: Mapping[str, Pane[Any]]) -> list[str]:
        """Take up the panes' views and actions; what is wrong with the user's keys, a line each."""
        self._lasting = panes
        self._know()
        return catalogue.problems(panes, self._keys)

    def open_drill(self, pane: Pane[Any]) -> None:
        """A pane of its own is on the screen: its views and actions can be asked for."""
        self._opened.append(pane)
        self._know()

    def close_drill(self, pane: Pane[Any]) -> None:
        self._opened = [known for known in self._opened if known is not pane]
        self._know()

    def _know(self) -> None:
        self._panes = {**self._lasting, **{pane.name: pane for pane in self._opened}}
        self._bound = catalogue.bound(self._panes, self._keys)

    def keys(self, command_id: str) -> tuple[str, ...]:
        return self._bound.get(command_id, ())

    def shown(self, command_id: str) -> str:
        """The first key as people write it: "?", "esc", "G"."""
        return shown(self.keys(command_id)[0]) if self.keys(command_id) else ""

    def commands(self, pane: str = "") -> list[Command]:
        """What can be done in this pane: its own views, drills and actions first, then the app's."""
        own = [
            command
            for command in catalogue.commands(self._panes)
            if command.place == "pane" and command.pane == pane and self._allowed(command)
        ]
        return own + [
            command
            for command in catalogue.COMMANDS
            if command.place != "pane" and not (command.changes and self.read_only)
        ]

    def hinted(self, pane: str) -> list[tuple[str, str]]:
        """(key, what it does) of the pane's own commands that have a key, as many as fit into the last line."""
        own = [command for command in self.commands(pane) if command.place == "pane" and self.keys(command.id)]
        return [(self.shown(command.id), command.title.lower()) for command in own[:HINTED]]

    def bindings(self, places: Iterable[str], pane: str = "") -> list[Binding]:
        """Bindings for the commands of these places; the textual action is the rest of the id."""
        return [
            Binding(
                ",".join(self._bound[command.id]),
                _textual_action(command),
                command.title,
                tooltip=command.tooltip,
                id=command.id,
            )
            for command in self.commands(pane)
            if command.place in places and self._bound[command.id]
        ]

    def textual_keymap(self) -> dict[str, str]:
        """For the widgets that bring bindings of their own (the table, the lines)."""
        return {entry: ",".join(keys) for entry, keys in self._bound.items() if entry in self._keys and keys}

    def action(self, pane: str, command_id: str) -> Action[Any] | None:
        """The pane's action of that id, unless read-only mode has removed it."""
        if pane not in self._panes or self._reads_only(pane):
            return None
        return next((action for action in self._panes[pane].actions if action.id == command_id), None)

    def _allowed(self, command: Command) -> bool:
        """Read-only mode removes every action, for each changes something; asking first would still offer it."""
        actions = self._panes[command.pane].actions
        return not self._reads_only(command.pane) or all(action.id != command.id for action in actions)

    def _reads_only(self, pane: str) -> bool:
        return self.read_only or self._panes[pane].read_only


def _textual_action(command: Command) -> str:
    if command.place == "pane":
        return f"screen.run({command.id!r})"
    name = command.id.partition(".")[2]
    base, _, number = name.rpartition("_")
    return f"{base}({number})" if number.isdigit() else name


def shown(key: str) -> str:
    """A key as people write it."""
    return _SHOWN.get(key, key)
