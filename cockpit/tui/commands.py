"""What `:` mode, the palette and the help offer: one list, made of the catalogue and of what is on the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cockpit.config.places import config_file
from cockpit.session.catalogue import GRID_PANES, OWN, Command
from cockpit.tui.deeds import why_not
from cockpit.tui.keymap import shown
from cockpit.tui.prompt import Candidate
from cockpit.tui.screens.help import HelpLine, HelpScreen
from cockpit.tui.screens.palette import PaletteScreen

if TYPE_CHECKING:
    from cockpit.session.pane import Pane
    from cockpit.tui.screens.main import MainScreen

log = logging.getLogger(__name__)

KEY_CELLS = 11


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
    """What it takes, in capitals; empty: nothing."""
    disabled: str = ""


def offers(main: MainScreen) -> list[Offer]:
    """Everything that can be done here and now: the pane's own first."""
    keymap, app, frame = main.cockpit.keymap, main.cockpit, main.current
    found: list[Offer] = []
    for command in keymap.commands(frame.NAME):
        if command.place == "pane":
            run_it = _quiet(partial(frame.action_run, command.id))
            why = disabled(main, command)
            found.append(Offer(command.id, command.title, run_it, keymap.shown(command.id), disabled=why))
    found += [
        Offer(each.NAME, f"Go to the {each.NAME} pane", _quiet(partial(main.go, each)), str(each.number))
        for each in main.frames
    ]
    found += [
        Offer("sort", "Sort by a column", main.sort_by, keymap.shown("app.sort"), frame.sort_choices, "COLUMN"),
        Offer("scope", "Narrow all panes to a name; nothing clears it", main.scope_to, keymap.shown("app.scope"),
              takes="NAME"),
        Offer("filter", "Show only the rows with a text", main.filter_by, keymap.shown("app.filter"), takes="TEXT"),
        Offer("theme", "Change the colours", app.use_theme, "", lambda: [(name, "") for name in app.theme_names()],
              "NAME"),
    ]  # fmt: skip
    for command in keymap.commands(frame.NAME):
        word = command.id.partition(".")[2]
        if command.place == "main" and command.shown and word not in ("sort", "scope", "filter"):
            action = getattr(main, f"action_{word}")
            found.append(Offer(word, command.tooltip, _quiet(action), keymap.shown(command.id)))
    return found


def _quiet(deed: Callable[[], object]) -> Callable[[str], str | None]:
    def run(rest: str) -> str | None:
        if rest:
            return f"takes nothing more: {rest}"
        deed()
        return None

    return run


def disabled(main: MainScreen, command: Command) -> str:
    """Why a view or an action of the current pane cannot be used on what is chosen."""
    pane = main.current.pane
    if pane is None:
        return "still starting"
    try:
        return _why_not(main, pane, command)
    except Exception as error:
        log.exception("whether %s can be used is not known", command.id)
        return f"defect in cockpit: {error!r}; see the log"


def _why_not(main: MainScreen, pane: Pane[Any], command: Command) -> str:
    items = main.current.chosen()
    action = main.cockpit.keymap.action(pane.name, command.id)
    if action is not None:
        return why_not(pane, action, items)
    if command in OWN:
        return ""
    view = next((view for view in pane.views if view.id == command.id), None)
    current = main.current.current()
    if view is None or current is None:
        return "no row is chosen"
    return view.disabled(current) or ""


def complete(typed: str, offered: Sequence[Offer]) -> list[Candidate]:
    """Ways to go on with what is typed."""
    word, space, rest = typed.lstrip().partition(" ")
    if not space:
        return [
            Candidate(f"{offer.word} " if offer.takes else offer.word, offer.about, offer.keys, offer.disabled)
            for offer in sorted(offered, key=lambda offer: not offer.word.startswith(word))
            if word.lower() in offer.word.lower()
        ]
    offer = next((offer for offer in offered if offer.word == word), None)
    if offer is None or offer.arguments is None:
        return []
    return [
        Candidate(f"{word} {argument}", about)
        for argument, about in offer.arguments()
        if rest.strip().lower() in f"{argument} {about}".lower()
    ]


def run(typed: str, main: MainScreen) -> str | None:
    """Do what was typed; why not, or None. A word may be cut short while it stays unique."""
    word, _, rest = typed.strip().partition(" ")
    if not word:
        return None
    if word == "q":
        word = "quit"
    offered = offers(main)
    matching = [offer for offer in offered if offer.word == word] or [
        offer for offer in offered if offer.word.startswith(word) or offer.word.partition(".")[2] == word
    ]
    if not matching:
        return f"no command {word!r}"
    if len(matching) > 1:
        return f"{word!r} may be {', '.join(offer.word for offer in matching[:4])}"
    return matching[0].run(rest.strip())


async def palette(main: MainScreen) -> None:
    """Let the user search, then do what was chosen."""
    offered = offers(main)
    chosen = await main.app.push_screen_wait(
        PaletteScreen([Candidate(offer.word, offer.about, offer.keys, offer.disabled) for offer in offered])
    )
    offer = next((offer for offer in offered if offer.word == chosen), None)
    if offer is None:
        return
    if offer.takes:
        main.action_command(f"{offer.word} ")
        return
    why = offer.run("")
    if why:
        main.app.notify(why, severity="warning")


def _few(keys: Sequence[str]) -> str:
    """The first two keys, or the first where they are long."""
    both = " ".join(shown(key) for key in keys[:2])
    return both if len(both) <= KEY_CELLS else shown(keys[0])


def help_screen(main: MainScreen) -> HelpScreen:
    """The keys of the current pane."""
    keymap, frame = main.cockpit.keymap, main.current

    every = keymap.commands(frame.NAME)
    hidden = {key for command in every if command.place == "pane" for key in keymap.keys(command.id)}

    def lines(place: str) -> list[HelpLine]:
        found: list[HelpLine] = []
        for command in every:
            own = command.place == "pane"
            keys = [key for key in keymap.keys(command.id) if own or key not in hidden]
            if command.place == place and keys and not command.id.startswith("app.pane_"):
                why = disabled(main, command) if own else ""
                found.append(HelpLine(_few(keys), command.title, command.tooltip, why))
        return found

    moving = "grid" if frame.NAME in GRID_PANES else "table"
    groups = [(frame.TITLE, lines("pane")), ("Everywhere", lines("main")), ("Moving", lines(moving))]
    where = main.cockpit.config_path or config_file()
    foot = f"esc closes; each key has a name under [keys] in {where}"
    return HelpScreen(f"Keys of the {frame.NAME} pane", groups, foot)
