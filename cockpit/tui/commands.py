"""What `:` mode, the palette and the help offer: one list, made of the catalogue and of what is on the screen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cockpit.config.places import config_file
from cockpit.session.catalogue import GRID_PANES, OWN, Command, Place
from cockpit.tui import opening
from cockpit.tui.deeds import why_not
from cockpit.tui.keymap import shown
from cockpit.tui.offer import Offer
from cockpit.tui.prompt import Candidate
from cockpit.tui.screens.help import HelpLine, HelpScreen
from cockpit.tui.screens.palette import PaletteScreen

if TYPE_CHECKING:
    from cockpit.listing.views import View
    from cockpit.session.pane import Drill, Pane
    from cockpit.tui.screens.keyed import KeyedScreen
    from cockpit.tui.screens.main import MainScreen
    from cockpit.tui.screens.pane_keys import PaneKeys

log = logging.getLogger(__name__)

KEY_CELLS = 11


def of_pane(screen: PaneKeys, around: Sequence[Offer] = ()) -> list[Offer]:
    """What can be done in the current pane of the screen, here and now: the pane's own, then what is around it."""
    keymap, frame = screen.cockpit.keymap, screen.current
    found = [
        Offer(
            command.id,
            command.title,
            _quiet(partial(frame.action_run, command.id)),
            keymap.shown(command.id),
            disabled=disabled(screen, command),
        )
        for command in keymap.commands(frame.NAME)
        if command.place == "pane" and command.shown
    ]
    found += opening.offers(screen, [frame])
    sort = Offer("sort", "Sort by a column", screen.sort_by, keymap.shown("app.sort"), frame.sort_choices, "COLUMN")
    return [*found, *around, sort, *of_app(screen)]


def of_app(screen: KeyedScreen) -> list[Offer]:
    """What every screen offers that has the key for it."""
    keymap, app = screen.cockpit.keymap, screen.cockpit
    found = [
        Offer("filter", "Show only the rows with a text", screen.filter_by, keymap.shown("app.filter"), takes="TEXT"),
        Offer("theme", "Change the colours", app.use_theme, "", lambda: [(name, "") for name in app.theme_names()],
              "NAME"),
    ]  # fmt: skip
    for command in keymap.commands():
        word = command.id.partition(".")[2]
        action = getattr(screen, f"action_{word}", None)
        if command.place == "main" and command.shown and word not in ("sort", "scope", "filter") and action is not None:
            found.append(Offer(word, command.tooltip, _quiet(action), keymap.shown(command.id)))
    return found


def of_main(main: MainScreen) -> list[Offer]:
    """What only the screen with all panes offers."""
    found = [opening.way_to(main, each) for each in main.frames]
    others = [frame for frame in main.frames if frame is not main.current]
    found += opening.offers(main, others)
    key = main.cockpit.keymap.shown("app.scope")
    return [*found, Offer("scope", "Narrow all panes to a name; nothing clears it", main.scope_to, key, takes="NAME")]


def of_place(screen: KeyedScreen, place: Place, why_not: Callable[[str], str]) -> list[Offer]:
    """What only screens of this kind offer. `why_not` is given the id of a command."""
    keymap = screen.cockpit.keymap
    found: list[Offer] = []
    for command in keymap.commands():
        if command.place == place and command.shown:
            action = getattr(screen, f"action_{command.id.partition('.')[2]}")
            why = why_not(command.id)
            found.append(Offer(command.id, command.tooltip, _quiet(action), keymap.shown(command.id), disabled=why))
    return found


def _quiet(deed: Callable[[], object]) -> Callable[[str], str | None]:
    def run(rest: str) -> str | None:
        if rest:
            return f"takes nothing more: {rest}"
        deed()
        return None

    return run


def disabled(screen: PaneKeys, command: Command) -> str:
    """Why a view, a drill or an action of the current pane cannot be used on what is chosen."""
    pane = screen.current.pane
    if pane is None:
        return "still starting"
    try:
        return _why_not(screen, pane, command)
    except Exception as error:
        log.exception("whether %s can be used is not known", command.id)
        return f"defect in cockpit: {error!r}; see the log"


def _why_not(screen: PaneKeys, pane: Pane[Any], command: Command) -> str:
    items = screen.current.chosen()
    action = screen.cockpit.keymap.action(pane.name, command.id)
    if action is not None:
        return why_not(pane, action, items)
    if command in OWN:
        return ""
    log = next((log for log in pane.logs if log.id == command.id), None)
    if log is not None:
        return (log.disabled(items) or "") if items else "no row is chosen"
    ways: list[View[Any] | Drill[Any]] = [*pane.views, *pane.drills]
    way = next((way for way in ways if way.id == command.id), None)
    current = screen.current.current()
    if way is None or current is None:
        return "no row is chosen"
    return way.disabled(current) or ""


def complete(typed: str, offered: Sequence[Offer]) -> list[Candidate]:
    """Ways to go on with what is typed."""
    word, space, rest = typed.lstrip().partition(" ")
    if not space:
        return [
            Candidate(f"{offer.word} " if offer.takes else offer.word, offer.about, offer.keys, offer.disabled)
            for offer in sorted(offered, key=lambda offer: (word not in offer.also, not offer.word.startswith(word)))
            if word.lower() in offer.word.lower() or word in offer.also
        ]
    offer = next(iter(matching_word(word, offered, space)), None)
    if offer is None or offer.arguments is None:
        return []
    return [
        Candidate(f"{word} {argument}", about)
        for argument, about in offer.arguments()
        if rest.strip().lower() in f"{argument} {about}".lower()
    ]


def run(typed: str, offered: Sequence[Offer]) -> str | None:
    """Do what was typed; why not, or None. A word may be cut short while it stays unique."""
    word, _, rest = typed.strip().partition(" ")
    if not word:
        return None
    if word == "q":
        word = "quit"
    matching = matching_word(word, offered, rest.strip())
    if not matching:
        return f"no command {word!r}"
    if len(matching) > 1:
        return f"{word!r} may be {', '.join(offer.word for offer in matching[:4])}"
    return matching[0].run(rest.strip())


def matching_word(word: str, offered: Sequence[Offer], rest: str = "") -> list[Offer]:
    """What it may mean. Of two with the same short name the one that takes something is meant where something follows:
    `:ns` lists the namespaces, `:ns shop` goes to one."""
    exact = [offer for offer in offered if word == offer.word]
    short = [offer for offer in offered if word in offer.also]
    meant = [offer for offer in short if bool(offer.takes) == bool(rest)]
    return (
        exact
        or meant
        or short
        or [offer for offer in offered if offer.word.startswith(word) or offer.word.partition(".")[2] == word]
    )


async def palette(screen: KeyedScreen) -> None:
    """Let the user search, then do what was chosen."""
    offered = screen.offered()
    chosen = await screen.app.push_screen_wait(
        PaletteScreen([Candidate(offer.word, offer.about, offer.keys, offer.disabled) for offer in offered])
    )
    offer = next((offer for offer in offered if offer.word == chosen), None)
    if offer is None:
        return
    if offer.takes:
        screen.action_command(f"{offer.word} ")
        return
    why = offer.run("")
    if why:
        screen.app.notify(why, severity="warning")


def _few(keys: Sequence[str]) -> str:
    """The first two keys, or the first where they are long."""
    both = " ".join(shown(key) for key in keys[:2])
    return both if len(both) <= KEY_CELLS else shown(keys[0])


def help_of_pane(screen: PaneKeys) -> HelpScreen:
    """The keys of the current pane."""
    frame = screen.current
    own = [command for command in screen.cockpit.keymap.commands(frame.NAME) if command.place == "pane"]
    moving: Place = "grid" if frame.NAME in GRID_PANES else "table"
    title = f"Keys of the {frame.NAME} pane"
    return _help(screen, title, frame.TITLE, own, lambda command: disabled(screen, command), moving)


def help_of_place(screen: KeyedScreen, title: str, place: Place, why_not: Callable[[str], str]) -> HelpScreen:
    """The keys of a screen of its own kind, with a table. `why_not` is given the id of a command."""
    own = [command for command in screen.cockpit.keymap.commands() if command.place == place]
    return _help(screen, f"Keys of {title.lower()}", title, own, lambda command: why_not(command.id), "table")


def _help(
    screen: KeyedScreen,
    title: str,
    name: str,
    own: Sequence[Command],
    why_not: Callable[[Command], str],
    moving: Place,
) -> HelpScreen:
    keymap = screen.cockpit.keymap
    hidden = {key for command in own for key in keymap.keys(command.id)}

    def line(command: Command, keys: Sequence[str], why: str = "") -> list[HelpLine]:
        return [HelpLine(_few(keys), command.title, command.tooltip, why)] if keys else []

    def around(place: Place) -> list[HelpLine]:
        return [
            found
            for command in keymap.commands()
            if command.place == place and _has(screen, command)
            for found in line(command, [key for key in keymap.keys(command.id) if key not in hidden])
        ]

    own_lines = [found for command in own for found in line(command, keymap.keys(command.id), why_not(command))]
    where = screen.cockpit.config_path or config_file()
    foot = f"esc closes; each key has a name under [keys] in {where}"
    return HelpScreen(title, [(name, own_lines), ("Everywhere", around("main")), ("Moving", around(moving))], foot)


def _has(screen: KeyedScreen, command: Command) -> bool:
    """Whether the app's command can be given on this screen; what moves in a table is the table's."""
    return command.place != "main" or hasattr(screen, f"action_{command.id.partition('.')[2]}")
