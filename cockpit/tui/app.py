"""The terminal app: it owns the screen, the keymap, the themes and the session's runner, and nothing of a domain."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.screen import Screen
from textual.theme import Theme

from cockpit.config.places import config_dir
from cockpit.config.settings import Settings
from cockpit.model.changes import Delta
from cockpit.model.printable import printable
from cockpit.tasks.action import State
from cockpit.tui import state, themes
from cockpit.tui.keymap import Keymap
from cockpit.tui.loop import fair_loop
from cockpit.tui.panes.fleet import FleetPane
from cockpit.tui.panes.metrics import MetricsPane
from cockpit.tui.panes.pipelines import PipelinesPane
from cockpit.tui.panes.pods import PodsPane
from cockpit.tui.runner import Runner, SessionFactory
from cockpit.tui.screens.main import MainScreen
from cockpit.tui.state import Layout, PaneState
from cockpit.tui.terminal import clipboard, raw
from cockpit.tui.terminal.aimed import AimedKeys
from cockpit.tui.terminal.driver import PacedDriver

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tasks.records import TaskRecord

log = logging.getLogger(__name__)

PANES = (FleetPane, PodsPane, MetricsPane, PipelinesPane)
SIGNAL_GRACE_SECONDS = 1.0
"""For running tasks after SIGTERM or SIGHUP; then they are cancelled, and their own stop time counts."""
QUIT_GRACE_SECONDS = 0.0
"""After the user has said that running tasks are to be stopped."""
ENDED_WELL = frozenset({State.SUCCEEDED, State.CANCELLED})


class Cockpit(AimedKeys[int]):
    """Runs until left; the return value is the exit code."""

    TITLE = "cockpit"
    CSS_PATH: ClassVar[list[str]] = ["cockpit.tcss"]  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False
    INLINE_PADDING = 0

    def __init__(
        self,
        settings: Settings,
        *,
        read_only: bool = False,
        config_path: Path | None = None,
        session_factory: SessionFactory | None = None,
        layout: Layout | None = None,
        found_themes: list[Theme | themes.ThemeError] | None = None,
    ) -> None:
        super().__init__(driver_class=PacedDriver)
        self.settings = settings
        self.config_path = config_path
        self.keymap = Keymap(settings, read_only=read_only or settings.ui.read_only)
        self.running = 0
        self._layout = layout or Layout()
        self._runner = Runner(
            partial(_factory, settings, read_only, session_factory),
            opened=self._opened,
            tasks=self._tasks_changed,
            alerts=self._alerts_changed,
            failed=self._failed,
        )
        self._ended: dict[str, State] = {}
        self._stale: set[str] = set()
        self._leaving: asyncio.Task[None] | None = None
        self._complaints: list[str] = []
        self._own_themes: list[str] = []
        for found in found_themes or ():
            self._add_theme(found)
        why = self.use_theme(settings.ui.theme) if self._own_themes else None
        self._complaints += [why] if why else []
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_keymap(self.keymap.textual_keymap())

    def get_default_screen(self) -> Screen[Any]:
        frames = [
            pane(number, self._layout.panes.get(pane.NAME, PaneState()), self.keymap)
            for number, pane in enumerate(PANES, 1)
        ]
        self.main = MainScreen(frames, self._layout)
        return self.main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.VARIABLES

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._leave_on_signal)
        self.call_after_refresh(self._first_painted)

    def _first_painted(self) -> None:
        if not gc.isenabled():  # the command line switched it off for the start
            gc.freeze()
            gc.enable()
        self._runner.start()

    # -- the session ---------------------------------------------------------------------------

    async def _opened(self, session: Session) -> None:
        from cockpit.session.fleet import FleetPane as Fleet
        from cockpit.tui.consent import introduce
        from cockpit.tui.terminal.lend import lend

        session.tasks.lend = partial(lend, self)
        fleet = session.panes.get("fleet")
        if isinstance(fleet, Fleet):
            fleet.roster.lend = partial(lend, self)
            introduce(self, fleet.roster)
        self._complaints += self.keymap.adopt(session.panes)
        self.set_keymap(self.keymap.textual_keymap())
        await self.main.adopt(session)
        for complaint in self._complaints:
            self.notify(complaint, severity="warning", timeout=12)

    def _failed(self, why: str) -> None:
        self.notify(why, severity="error", timeout=60)

    def _alerts_changed(self) -> None:
        self.main.tell()

    def _tasks_changed(self, delta: Delta[TaskRecord]) -> None:
        session = self._runner.session
        if session is None:
            return
        self.running = sum(not record.ended for record in session.tasks.records.values())
        for record in delta.upserts.values():
            if record.ended and session.tasks.task(record.key) is not None and record.key not in self._ended:
                self._ended[record.key] = record.state
                self._say_ended(record)
        self.main.tell()

    def _say_ended(self, record: TaskRecord) -> None:
        text = f"{record.sentence}: {record.state.value.replace('_', ' ')}"
        if record.said:
            text += f" ({record.said})"
        if getattr(self.screen, "task_id", "") != record.key:  # else it is being looked at
            self.notify(text, severity="information" if record.state in ENDED_WELL else "error", timeout=6)
        self.alarm(text)

    def started(self, session: Session, task_id: str, title: str, *, shown: bool) -> None:
        """A task was submitted: show it at once where its domain has a screen for it, or its output is wanted."""
        from cockpit.tui.screens.live import own_screen
        from cockpit.tui.screens.tasks import OutputScreen

        screen = own_screen(session, task_id)
        if screen is None and shown:
            screen = OutputScreen(session.tasks, session.tasks.records[task_id])
        if screen is not None:
            self.push_screen(screen)
        else:
            self.notify(f"{title} started; {self.keymap.shown('app.tasks')} shows it", timeout=3)

    def pane_state(self, title: str, word: str) -> None:
        """A pane's source has changed its state."""
        bad = word in ("stale", "denied")
        if bad and title not in self._stale:
            self.alarm(f"{title} is {word}")
        (self._stale.add if bad else self._stale.discard)(title)

    # -- what the terminal can do --------------------------------------------------------------

    def notify(self, message: str, *, markup: bool = False, **options: Any) -> None:
        """A toast; outside text is never markup."""
        super().notify(printable(message), markup=False, **options)

    def alarm(self, text: str) -> None:
        """Bell or desktop notification, as configured."""
        match self.settings.ui.notify:
            case "bell":
                self.bell()
            case "osc9":
                raw.send(self, raw.osc9(f"cockpit: {text}"))
            case _:
                pass

    def copy(self, text: str) -> None:
        """To the clipboard at the user's end."""
        made = clipboard.copy(text)
        raw.send(self, made.sequence)
        self.notify(made.message, timeout=2)

    def _add_theme(self, found: Theme | themes.ThemeError) -> None:
        if isinstance(found, Theme):
            self.register_theme(found)
            self._own_themes.append(found.name)
        else:
            self._complaints.append(str(found))

    def theme_names(self) -> list[str]:
        """Ours and the user's first, then textual's."""
        return list(dict.fromkeys([*self._own_themes, *sorted(self.available_themes)]))

    def use_theme(self, name: str) -> str | None:
        """Why not, or None."""
        if name not in self.available_themes:
            return f"no theme {name!r}; there are {', '.join(self.theme_names())}"
        self.theme = name
        return None

    # -- leaving -------------------------------------------------------------------------------

    def ask_quit(self) -> None:
        """Leave; ask first while own tasks run."""
        session = self._runner.session
        active = session.tasks.active if session is not None else ()
        if not active:
            self.leave(QUIT_GRACE_SECONDS)
            return
        from cockpit.tui.screens.sure import SureScreen

        question = f"Leave and stop {len(active)} running task{'' if len(active) == 1 else 's'}?"
        self.push_screen(SureScreen(question, [record.sentence for record in active], "Leave"), self._quit_answer)

    def _quit_answer(self, yes: bool | None) -> None:
        if yes:
            self.leave(QUIT_GRACE_SECONDS)

    def _leave_on_signal(self) -> None:
        """The link broke or somebody wants us gone: paint nothing more, drain, go."""
        self.batch_update().__enter__()
        self.leave(SIGNAL_GRACE_SECONDS)

    async def on_event(self, event: events.Event) -> None:
        """What was typed before a signal and not looked at yet does not hold the exit."""
        if self._leaving is None or not isinstance(event, events.InputEvent):
            await super().on_event(event)

    def leave(self, grace: float) -> None:
        """Drain the tasks, then exit. Once is enough."""
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(grace), name="leave")

    async def _leave(self, grace: float) -> None:
        try:
            await self._runner.drain(grace)
            await self._runner.stop()
        finally:
            self.exit(0)

    async def action_quit(self) -> None:
        self.ask_quit()

    async def on_unmount(self) -> None:
        await self._runner.stop()

    def layout_now(self) -> Layout:
        """What the next start restores."""
        return Layout(
            current=self.main.current.NAME,
            zoomed=self.main.zoomed,
            panes={frame.NAME: frame.state() for frame in self.main.frames},
        )


async def _factory(settings: Settings, read_only: bool, given: SessionFactory | None) -> SessionFactory:
    opener = await asyncio.to_thread(_import)
    if given is not None:
        return given
    return lambda: opener(settings, read_only=read_only)


def _import() -> Callable[..., Any]:
    """What the first frame does without, off the loop."""
    import cockpit.tui.commands
    import cockpit.tui.widgets.live_table
    import cockpit.tui.widgets.metric_grid  # noqa: F401
    from cockpit.session.session import open_session

    return open_session


def run(
    settings: Settings,
    *,
    read_only: bool = False,
    config_path: Path | None = None,
    session_factory: SessionFactory | None = None,
) -> int:
    """Show the cockpit until it is left; the exit code."""
    gc.freeze()  # what is imported by now stays for good: no collection need look at it
    place = state.file()
    app = Cockpit(
        settings,
        read_only=read_only,
        config_path=config_path,
        session_factory=session_factory,
        layout=state.load(place),
        found_themes=list(themes.find(config_dir() / "themes")),
    )
    with asyncio.Runner(loop_factory=fair_loop) as runner:
        code = runner.run(app.run_async(mouse=settings.ui.mouse))
    state.save(place, app.layout_now())
    return code if code is not None else app.return_code or 0
