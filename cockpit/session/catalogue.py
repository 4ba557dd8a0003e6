"""Everything that a key can do, by id, without a screen: keys, `:` mode, palette, help and `config validate` read it.

A pane's own keys go before the app's: `r` restarts a pod in the pods pane and retries the sources elsewhere.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from cockpit.listing.views import View
    from cockpit.pods.logs.view import LogView
    from cockpit.session.pane import Drill, Opening, Pane
    from cockpit.tasks.action import Action

Place: TypeAlias = Literal["main", "table", "grid", "lines", "tasks", "pane", "run", "runs", "output", "logs"]


class Command(Struct, frozen=True):
    """One thing that a key does. `id` is what `[keys]` in the configuration names."""

    id: str
    keys: str
    """Default keys, separated by commas."""
    title: str
    tooltip: str
    place: Place = "main"
    pane: str = ""
    """The pane it belongs to, where `place` is "pane"."""
    shown: bool = True
    """Listed in the palette and after `:`; what only moves the cursor is not."""
    changes: bool = False
    """Read-only mode removes it, as it does actions."""


COMMANDS: tuple[Command, ...] = (
    *(Command(f"app.pane_{n}", str(n), f"Pane {n}", f"Go to pane {n}", shown=False) for n in range(1, 10)),
    Command("app.next", "tab", "Next pane", "Go to the next pane", shown=False),
    Command("app.previous", "shift+tab", "Previous pane", "Go to the previous pane", shown=False),
    Command("app.zoom", "+,_", "Zoom", "Give this pane the whole screen, or give it back"),
    Command("app.filter", "/", "Filter", "Only rows with a text; !not, /regex/, ~fuzzy, -l app=web"),
    Command("app.faults", "F", "Faults only", "Show only the rows in which something is wrong, or all again"),
    Command("app.widen", "0", "All", "All contexts and namespaces again"),
    Command("app.command", ":", "Command", "Type a command; tab completes", shown=False),
    Command("app.palette", "ctrl+p", "Palette", "Search everything that can be done", shown=False),
    Command("app.help", "?,f1", "Help", "The keys of this pane"),
    Command("app.back", "escape", "Back", "Clear the filter, the marks or the zoom; twice: the scope", shown=False),
    Command("app.tasks", "t", "Tasks", "What was started, how far it is, and its output"),
    Command("app.copy", "c", "Copy", "Copy the row to the clipboard of your terminal"),
    Command("app.history", "H", "History", "What changed in the last hour"),
    Command("app.alerts", "A", "Alerts", "What fires now"),
    Command("app.sort", "o", "Sort", "Choose the column to sort by"),
    Command("app.reverse", "O", "Reverse", "Sort the other way round"),
    Command("app.sort_left", "shift+left", "Sort further left", "Sort by the column before", shown=False),
    Command("app.sort_right", "shift+right", "Sort further right", "Sort by the column after", shown=False),
    Command("app.wide", "w", "Wide", "Show more columns, or fewer"),
    Command("app.retry", "ctrl+r,r", "Retry", "Read the sources again now, without waiting"),
    Command("app.login", "ctrl+l", "Log in", "Run the login that a source waits for, on this terminal"),
    Command("app.scope", "*", "Scope", "Narrow all panes to the name under the cursor"),
    Command("app.quit", "q,ctrl+q", "Quit", "Leave cockpit; asks while tasks run"),
    Command("table.down", "j,down", "Down", "One row down", "table", shown=False),
    Command("table.up", "k,up", "Up", "One row up", "table", shown=False),
    Command("table.page_down", "pagedown,ctrl+f", "Page down", "One page down", "table", shown=False),
    Command("table.page_up", "pageup,ctrl+b", "Page up", "One page up", "table", shown=False),
    Command("table.top", "g,home", "First row", "To the first row", "table", shown=False),
    Command("table.bottom", "G,end", "Last row", "To the last row", "table", shown=False),
    Command("table.left", "left", "Scroll left", "One column to the left", "table", shown=False),
    Command("table.right", "right", "Scroll right", "One column to the right", "table", shown=False),
    Command("table.mark", "space", "Mark", "Mark the row, or unmark it", "table", shown=False),
    Command(
        "table.mark_range",
        "ctrl+space,ctrl+@,shift+space",
        "Mark range",
        "Mark from the last mark to here",
        "table",
        shown=False,
    ),
    Command("table.unmark_all", "u", "Unmark all", "Forget all marks", "table", shown=False),
    Command("table.activate", "enter", "Open", "Look into the row under the cursor", "table", shown=False),
    Command("grid.down", "j,down", "Down", "One row of panels down", "grid", shown=False),
    Command("grid.up", "k,up", "Up", "One row of panels up", "grid", shown=False),
    Command("grid.left", "left", "Left", "One panel to the left", "grid", shown=False),
    Command("grid.right", "right", "Right", "One panel to the right", "grid", shown=False),
    Command("grid.top", "g,home", "First panel", "To the first panel", "grid", shown=False),
    Command("grid.bottom", "G,end", "Last panel", "To the last panel", "grid", shown=False),
    Command("grid.activate", "enter", "Open", "Look into the panel under the cursor", "grid", shown=False),
    Command("lines.close", "escape,q", "Close", "Leave the view and end its stream", "lines", shown=False),
    Command("lines.search", "/", "Search", "Search for a text", "lines", shown=False),
    Command("lines.next", "n", "Next match", "To the next place of the text", "lines", shown=False),
    Command("lines.previous", "N", "Previous match", "To the place before", "lines", shown=False),
    Command("lines.wrap", "w", "Wrap", "Wrap long lines, or not", "lines", shown=False),
    Command("lines.copy", "c", "Copy", "Copy the text to the clipboard of your terminal", "lines", shown=False),
    Command("lines.down", "j,down", "Down", "One line down", "lines", shown=False),
    Command("lines.up", "k,up", "Up", "One line up", "lines", shown=False),
    Command("lines.page_down", "pagedown,ctrl+f", "Page down", "One page down", "lines", shown=False),
    Command("lines.page_up", "pageup,ctrl+b", "Page up", "One page up", "lines", shown=False),
    Command("lines.top", "g,home", "First line", "To the first line", "lines", shown=False),
    Command("lines.end", "G,end", "Last line", "To the last line, and follow", "lines", shown=False),
    Command("lines.left", "left", "Scroll left", "To the left", "lines", shown=False),
    Command("lines.right", "right", "Scroll right", "To the right", "lines", shown=False),
    Command("tasks.cancel", "x", "Cancel the task", "Stop the task and its work elsewhere", "tasks", shown=False),
    Command("run.view_1", "1", "Hosts", "A row a host", "run", shown=False),
    Command("run.view_2", "2", "Groups", "Hosts with the same output together, odd ones first", "run", shown=False),
    Command("run.view_3", "3", "Side by side", "The output of the marked hosts in columns", "run", shown=False),
    Command("run.next", "tab", "Next part", "To the next part of the view: a diff, a column", "run", shown=False),
    Command("run.output", "l", "Output", "The output of the host, following while it runs", "run"),
    Command("run.describe", "d", "Describe", "How the host ended, and how long each phase took", "run"),
    Command("run.failures", "f", "Failures only", "Only the hosts that failed, or all again", "run"),
    Command("run.find", "s", "Search all output", "Find a text in the output of every host", "run"),
    Command("run.save", "S", "Save", "Write the results to a file: text, JSON or Markdown", "run"),
    Command("run.pause", "p", "Pause or resume", "Begin no more hosts; those that run go on", "run"),
    Command("run.abort", "x", "Abort", "Begin no more hosts and end what runs, confirmed", "run"),
    Command("run.rerun", "X", "Run again", "On the marked hosts, else where it failed", "run", changes=True),
    Command("run.quota", "R", "Raise the quota", "Let the hosts go on that wait because too much was kept", "run"),
    Command("runs.rerun", "X", "Run again", "The run under the cursor, where it failed", "runs", changes=True),
    Command("output.next_host", "]", "Next host", "The output of the next host", "output", shown=False),
    Command("output.previous_host", "[", "Previous host", "The output of the host before", "output", shown=False),
    Command("logs.since_0", "0", "Tail", "The last 1000 lines of each container", "logs", shown=False),
    Command("logs.since_1", "1", "From the start", "All that the server has kept", "logs", shown=False),
    Command("logs.since_2", "2", "Since 1m", "What was said since a minute", "logs", shown=False),
    Command("logs.since_3", "3", "Since 5m", "Since five minutes", "logs", shown=False),
    Command("logs.since_4", "4", "Since 15m", "Since a quarter of an hour", "logs", shown=False),
    Command("logs.since_5", "5", "Since 30m", "Since half an hour", "logs", shown=False),
    Command("logs.since_6", "6", "Since 1h", "Since an hour", "logs", shown=False),
    Command("logs.since_7", "7", "Since 6h", "Since six hours", "logs", shown=False),
    Command("logs.since_8", "8", "Since 24h", "Since a day", "logs", shown=False),
    Command("logs.filter", "f", "Filter", "Only the lines with the text that is searched, or all", "logs", shown=False),
    Command("logs.around", "+", "More around", "More lines around each that is found", "logs", shown=False),
    Command("logs.less_around", "-", "Fewer around", "Fewer lines around each", "logs", shown=False),
    Command("logs.stamps", "t", "Timestamps", "Show when the server got each line", "logs", shown=False),
    Command("logs.prefix", "P", "Prefix", "Show who says each line", "logs", shown=False),
    Command("logs.previous", "p", "Previous", "Before the last restart, or now", "logs", shown=False),
    Command("logs.all", "a", "All containers", "Of all containers", "logs", shown=False),
    Command("logs.container", "]", "Next container", "Of the next container alone", "logs", shown=False),
    Command("logs.container_before", "[", "Container before", "Of the one before alone", "logs", shown=False),
    Command("logs.follow", "s", "Follow or stay", "Stay at the end, or here", "logs", shown=False),
    Command("logs.mark", "m", "Mark", "A line with the time, after the newest", "logs", shown=False),
    Command("logs.clear", "C", "Clear", "Forget all that is above", "logs", shown=False),
    Command("logs.help", "?,f1", "Help", "The keys of this screen", "logs", shown=False),
    Command("logs.save", "S", "Save", "Write all that is kept to a file", "logs", shown=False),
    Command("output.other", "tab", "Other stream", "Between stdout and stderr", "output", shown=False),
)
GRID_PANES = frozenset({"metrics"})
"""Panes that show panels instead of rows."""
OWN: tuple[Command, ...] = (
    Command("fleet.runs", "h", "Past runs", "The commands that were run, and what came of them", "pane", "fleet"),
    Command("metrics.explore", "e", "Explore", "Type a PromQL query and see it at once", "pane", "metrics"),
)
"""Commands of one pane that are neither a view nor an action."""

_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_MODIFIERS = ("ctrl", "shift", "alt")
_ALIASES = {"esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", "del": "delete"}
_WORDS = frozenset(
    {"escape", "enter", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup", "pagedown"}
    | {"up", "down", "left", "right"}
    | {f"f{n}" for n in range(1, 25)}
)


class BadKey(ValueError):
    """Not the name of a key."""


def key_name(key: str) -> str:
    """The one spelling of a key: "/" and "slash" are both "slash", "esc" is "escape". Raises BadKey."""
    text = key if len(key) == 1 else key.strip()
    held, plus, last = text.rpartition("+")
    if plus and not last and (not held or held.endswith("+")):
        held, last = held.removesuffix("+"), "+"
    modifiers = sorted(part for part in held.lower().split("+") if part)
    if unknown := [part for part in modifiers if part not in _MODIFIERS]:
        raise BadKey(f"{key!r}: {unknown[0]!r} is not one of {', '.join(_MODIFIERS)}")
    return "+".join([*modifiers, _last(key, last)])


def _last(key: str, last: str) -> str:
    if len(last) == 1 and last.isalnum():
        return last
    if len(last) == 1:
        name = unicodedata.name(last, "").lower().replace("-", "_").replace(" ", "_")
        name = _NAMES.get(name, name)
    else:
        name = _ALIASES.get(last.lower(), last.lower())
    is_key = bool(name) if len(last) == 1 else name in _WORDS or _is_character_name(name)
    if not is_key:
        raise BadKey(f"{key!r} is not a key; write a character, or a name such as escape, enter, pageup, f5")
    return name


def key_names(keys: str) -> tuple[str, ...]:
    """The keys of one entry, separated by commas; a lone "," is the comma itself. Raises BadKey."""
    if keys.strip() == ",":
        return ("comma",)
    return tuple(key_name(key) for key in keys.split(",") if key.strip())


def _is_character_name(name: str) -> bool:
    if name in _NAMES.values():
        return True
    try:
        unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return False
    return True


def commands(panes: Mapping[str, Pane[Any]]) -> tuple[Command, ...]:
    """The app's commands, then what every pane does and opens, then what the panes offer that are opened from there."""
    own = [
        Command(*entry, entry[2], "pane", pane.name)
        for pane in panes.values()
        for entry in (*_named(pane.logs), *_named(pane.views), *_named(pane.drills), *_named(pane.actions))
    ]
    own += [
        Command(opening.id, "", opening.title, f"Open {opening.names[0]}", "pane", pane.name, shown=False)
        for pane in panes.values()
        for opening in pane.openings
    ]
    ways: list[Drill[Any] | Opening] = []
    for pane in panes.values():
        ways += [*pane.drills, *pane.openings]
    ahead = {
        (way.name, entry[0]): Command(*entry, entry[2], "pane", way.name)
        for way in ways
        for entry in way.commands
        if way.name not in panes
    }
    return (*COMMANDS, *own, *ahead.values(), *(command for command in OWN if command.pane in panes))


def _named(
    entries: Iterable[LogView[Any]] | Iterable[View[Any]] | Iterable[Drill[Any]] | Iterable[Action[Any]],
) -> list[tuple[str, str, str]]:
    return [(entry.id, entry.key, entry.title) for entry in entries]


def catalogue(panes: Mapping[str, Pane[Any]]) -> Mapping[str, str]:
    """Binding id -> default keys: what `[keys]` may name."""
    return {command.id: command.keys for command in commands(panes)}


def bound(panes: Mapping[str, Pane[Any]], keys: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Binding id -> the keys it has with the user's `keys`. An entry that cannot be read keeps the default."""
    found: dict[str, tuple[str, ...]] = {}
    for command in commands(panes):
        try:
            found[command.id] = key_names(keys.get(command.id, command.keys))
        except BadKey:
            found[command.id] = key_names(command.keys)
    return found


def problems(panes: Mapping[str, Pane[Any]], keys: Mapping[str, str]) -> list[str]:
    """What is wrong with the user's `keys`, a line each: unknown ids, unknown keys, clashes."""
    import difflib

    known = catalogue(panes)
    found: list[str] = []
    for entry, text in keys.items():
        if entry not in known:
            near = difflib.get_close_matches(entry, known, 1, 0.0)
            found.append(f"keys: there is no binding {entry!r}; did you mean {near[0]!r}?")
            continue
        try:
            key_names(text)
        except BadKey as error:
            found.append(f"keys: {entry!r}: {error}")
    return found + clashes(panes, keys)


def clashes(panes: Mapping[str, Pane[Any]], keys: Mapping[str, str]) -> list[str]:
    """Two bindings on one key in the same pane, a line each.

    The default key of a pane, or of a screen, hides the app's on purpose; a key that the user chose hides nothing
    silently.
    """
    names = bound(panes, keys)
    every = commands(panes)
    found: list[str] = []
    owners = dict.fromkeys([*panes, *(command.pane for command in every if command.pane)])
    for place in ("table", "grid"):
        around = [command for command in every if command.place in ("main", place)]
        found += _clashing([], around, names, keys)
        for pane in owners:
            if (pane in GRID_PANES) == (place == "grid"):
                found += _clashing([command for command in every if command.pane == pane], around, names, keys)
    for place in ("lines", "tasks"):
        found += _clashing([], [command for command in every if command.place == place], names, keys)
    for screen, below in (
        ("run", {"main", "table"}),
        ("runs", {"main", "table"}),
        ("output", {"lines"}),
        ("logs", {"lines"}),
    ):
        own = [command for command in every if command.place == screen]
        found += _clashing(own, [command for command in every if command.place in below], names, keys)
    return list(dict.fromkeys(found))


def _clashing(
    own: Iterable[Command], around: Iterable[Command], names: Mapping[str, tuple[str, ...]], keys: Mapping[str, str]
) -> list[str]:
    found: list[str] = []
    own = list(own)
    by_key: dict[str, Command] = {}
    for command in (*own, *around):
        for key in names[command.id]:
            other = by_key.setdefault(key, command)
            if other is command:
                continue
            hidden_on_purpose = other in own and command not in own
            if hidden_on_purpose and other.id not in keys and command.id not in keys:
                continue
            found.append(f"keys: {key!r} is bound to both {other.id!r} and {command.id!r}")
    return found
