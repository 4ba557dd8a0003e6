"""Tables over the whole screen, one above the other, and what they and the panes are narrowed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from cockpit.tui.offer import Offer

if TYPE_CHECKING:
    from cockpit.session.pane import Facet, Opening, Pane
    from cockpit.session.session import Session
    from cockpit.tui.app import Cockpit
    from cockpit.tui.panes.frame import PaneFrame
    from cockpit.tui.screens.main import MainScreen
    from cockpit.tui.screens.pane_keys import PaneKeys

DEEPEST = 10
"""Tables above one another, each with a feed that runs; the next one takes the place of the uppermost."""
ALL = "all"


def lay(app: Cockpit, session: Session, pane: Pane[Any], title: str, narrowed: Mapping[str, str]) -> None:
    """A table over all others; where it is the uppermost already, that one is narrowed."""
    from cockpit.tui.screens.pane import PaneScreen

    wished = {facet: narrowed[facet.name] for facet in pane.facets if facet.name in narrowed}
    narrowed = {facet.name: value for facet, value in wished.items() if not _unknown(facet, value)}
    top = app.screen
    if isinstance(top, PaneScreen) and (top.pane.name, top.heading) == (pane.name, title):
        top.current.narrow(narrowed)
        return
    screen = PaneScreen(pane, title, session, app.keymap, narrowed)
    if sum(isinstance(each, PaneScreen) for each in app.screen_stack) < DEEPEST:
        app.push_screen(screen)
    else:
        app.switch_screen(screen)


def offers(screen: PaneKeys, frames: Sequence[PaneFrame]) -> list[Offer]:
    """What these panes open, and for the current one what it can be narrowed to."""
    there = {pane.name for pane in screen.session.panes.values()} if screen.is_main and screen.session else set()
    found = [
        Offer(
            opening.names[0],
            opening.title,
            partial(_open, screen, frame, opening),
            screen.cockpit.keymap.shown(opening.id),
            partial(_places, frame.pane.facets),
            also=opening.names[1:],
        )
        for frame in frames
        if frame.pane is not None
        for opening in frame.pane.openings
        if opening.name not in there
    ]
    current = screen.current
    if current in frames and current.pane is not None:
        found += [
            Offer(
                facet.name,
                f"Show only one {facet.name}; all: all of them",
                partial(_narrow, screen, facet),
                arguments=partial(_values, facet),
                takes=facet.name.upper(),
                also=(facet.short,),
            )
            for facet in current.pane.facets
        ]
    return found


def way_to(main: MainScreen, frame: PaneFrame) -> Offer:
    """To a pane of the main screen; what follows narrows it."""

    def go(rest: str) -> str | None:
        values = _asked(frame.pane, rest)
        if isinstance(values, str):
            return values
        main.go(frame)
        frame.narrow(values)
        return None

    facets = frame.pane.facets if frame.pane is not None else ()
    names = [o.names for o in frame.pane.openings if o.name == frame.NAME] if frame.pane is not None else []
    return Offer(
        frame.NAME,
        f"Go to the {frame.NAME} pane",
        go,
        str(frame.number),
        partial(_places, facets) if facets else None,
        also=names[0][1:] if names else (),
    )


def by_key(screen: PaneKeys, command_id: str) -> bool:
    """A key of `[keys]` for an opening; False: there is none of that id."""
    frame = screen.current
    found = next((o for o in frame.pane.openings if o.id == command_id), None) if frame.pane is not None else None
    if found is not None:
        _open(screen, frame, found, "")
    return found is not None


def _open(screen: PaneKeys, frame: PaneFrame, opening: Opening, rest: str) -> str | None:
    """It is narrowed as the pane was from which it is opened, unless the words say otherwise."""
    pane = opening.open()
    values = _asked(pane, rest)
    if isinstance(values, str):
        return values
    if screen.session is None:
        return "still starting"
    lay(screen.cockpit, screen.session, pane, pane.title, {**frame.narrowed(), **values})
    return None


def _asked(pane: Pane[Any] | None, rest: str) -> dict[str, str] | str:
    """What the words after an opening narrow: "shop", "@prod shop"; or why they cannot."""
    facets = pane.facets if pane is not None else ()
    values: dict[str, str] = {}
    for word in rest.split():
        facet = next((f for f in facets if f.sign and word.startswith(f.sign)), None)
        facet = facet or next((f for f in facets if not f.sign), None)
        if facet is None or facet.name in values:
            return f"takes nothing more: {word}"
        values[facet.name] = word.removeprefix(facet.sign)
        if why := _unknown(facet, values[facet.name]):
            return why
    return values


def _unknown(facet: Facet[Any], value: str) -> str:
    """Why it cannot be narrowed to that value; of what is no source, any may come to be there."""
    names = [name for name, _ in facet.known()]
    if not facet.is_source or value in ("", ALL, *names):
        return ""
    return f"no {facet.name} {value!r}; there are {', '.join(names)}"


def _narrow(screen: PaneKeys, facet: Facet[Any], value: str) -> str | None:
    if not value:
        screen.action_command(f"{facet.name} ")
        return None
    why = _unknown(facet, value)
    if why and facet.elsewhere is not None:
        return screen.look_up(partial(facet.elsewhere, value))
    if not why:
        screen.current.narrow({facet.name: value})
    return why or None


def _values(facet: Facet[Any]) -> list[tuple[str, str]]:
    return [*facet.known(), (ALL, "")]


def _places(facets: Sequence[Facet[Any]]) -> list[tuple[str, str]]:
    """What an opening can be narrowed to at once, the plain words first."""
    return [
        (f"{facet.sign}{value}", about or facet.name)
        for facet in sorted(facets, key=lambda facet: bool(facet.sign))
        for value, about in facet.known()
    ]
