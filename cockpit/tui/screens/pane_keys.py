"""What the keys do on a screen that shows panes: all of them go to the current one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import on

from cockpit.listing.filter import BadFilter
from cockpit.model.errors import SourceError
from cockpit.tui.panes.frame import PaneFrame
from cockpit.tui.screens.keyed import KeyedScreen
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.pane import Login, Pane
    from cockpit.session.session import Session
    from cockpit.tui.deeds import Deeds
    from cockpit.tui.offer import Offer
    from cockpit.tui.prompt import Prompt
    from cockpit.tui.screens.help import HelpScreen


LOOK_UP_SECONDS = 15.0
"""For what only a server knows."""
LOOKING = "looking it up ..."


class PaneKeys(KeyedScreen):
    """Filter, order, copy, the pane's own views, drills and actions, and the screens above it."""

    current: PaneFrame
    """The pane that the keys go to."""
    session: Session | None = None
    deeds: Deeds | None = None
    is_main = False
    """It has all panes of the session."""

    def offered(self) -> list[Offer]:
        from cockpit.tui import commands

        return commands.of_pane(self)

    def help_screen(self) -> HelpScreen:
        from cockpit.tui import commands

        return commands.help_of_pane(self)

    def focus_body(self) -> None:
        self.current.focus_body()

    # -- filter and order --------------------------------------------------------------------------

    @property
    def filter_sign(self) -> str:
        return f"{self.current.TITLE} /"

    def filter_text(self) -> str:
        return self.current.filter_text()

    def filter_by(self, text: str) -> str | None:
        """`:filter TEXT`; why not, or None."""
        return self._filter(text, entered=True)

    def preview(self, text: str) -> str | None:
        return self._filter(text, entered=False)

    def _filter(self, text: str, *, entered: bool) -> str | None:
        try:
            self.current.set_filter(text, entered=entered)
        except BadFilter as error:
            return str(error)
        return None

    def action_faults(self) -> None:
        if why := self.current.toggle_faults():
            self.app.notify(why)

    def action_widen(self) -> None:
        self.current.narrow(dict.fromkeys(self.current.narrowed(), ""))

    def back_in_pane(self) -> bool:
        """Undo one of what was done to the rows, the nearest first; False: there was nothing."""
        if self.current.clear_marks():
            return True
        if self.current.filter_text():
            self.current.set_filter("")
            return True
        if self.current.faults:
            self.current.toggle_faults()
            return True
        return False

    def action_sort(self) -> None:
        if self.current.sort_choices():
            self.action_command("sort ")

    def sort_by(self, column_id: str) -> str | None:
        """`:sort COLUMN`; why not, or None."""
        known = [name for name, _ in self.current.sort_choices()]
        if column_id not in known:
            return f"sort by one of: {', '.join(known)}" if known else "this pane has no columns to sort by"
        self.current.set_sort(column_id)
        return None

    def action_reverse(self) -> None:
        self.current.reverse()

    def action_sort_left(self) -> None:
        self.current.sort_beside(-1)

    def action_sort_right(self) -> None:
        self.current.sort_beside(1)

    def action_wide(self) -> None:
        self.current.toggle_wide()

    def action_copy(self) -> None:
        text = self.current.copied()
        if text:
            self.cockpit.copy(text)
        else:
            self.app.notify("nothing to copy")

    # -- what only a server knows ----------------------------------------------------------------------

    def entered(self, mode: str, text: str) -> str | None:
        """A word that nothing answers to may be a kind that the sources of the pane know."""
        from cockpit.tui import commands

        word, pane = text.split(maxsplit=1)[0] if text.strip() else "", self.current.pane
        find = pane.find if pane is not None else None
        if mode != "command" or find is None or not word or commands.matching_word(word, self.offered()):
            return super().entered(mode, text)
        return self.look_up(partial(find, word))

    def look_up(self, find: Callable[[], Awaitable[Pane[Any]]]) -> str:
        """Open what is found. The prompt stays, says so, and is left at the end; leaving it before ends the search."""
        begin(self, partial(self._look_up, find), group="find", exclusive=True)
        return LOOKING

    async def _look_up(self, find: Callable[[], Awaitable[Pane[Any]]]) -> None:
        from cockpit.tui.opening import lay

        why = ""
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS) as limit:
                found = await find()
        except SourceError as error:
            why = str(error)
        except TimeoutError:
            if not limit.expired():
                raise
            why = f"no answer within {LOOK_UP_SECONDS:.0f} s"
        if self.prompt is None or not self.prompt.display or self.session is None:
            return
        if why:
            self.prompt.complain(why)
            return
        self._close()
        lay(self.cockpit, self.session, found, found.title, self.current.narrowed())

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if self._stop_looking_up():
            event.prompt.complain("")
        super().on_prompt_typed(event)

    def on_prompt_closed(self, event: Prompt.Closed) -> None:
        self._stop_looking_up()
        super().on_prompt_closed(event)

    def _stop_looking_up(self) -> bool:
        return bool(self.workers.cancel_group(self, "find"))

    def action_login(self) -> None:
        pane = self.current.pane
        waiting = [] if pane is None else list(pane.logins())
        wanted = [login for login in waiting if login.source == self.current.source] or waiting
        if wanted:
            begin(self, partial(self._log_in, wanted[0]), group="login", exclusive=True)
        else:
            self.app.notify("no source waits for a login")

    async def _log_in(self, login: Login) -> None:
        from cockpit.tui.terminal.lend import lend

        await login.run(partial(lend, self.app))
        for pane in (self.current.pane, *(self.session.panes.values() if self.session is not None else ())):
            if pane is not None:
                pane.feed.retry()
        self.app.notify(f"{login.source}: logged in; reading it again", timeout=3)

    # -- screens above -----------------------------------------------------------------------------

    def action_tasks(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.tasks import TasksScreen

            self.app.push_screen(TasksScreen(self.session))

    def action_alerts(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.alerts import AlertsScreen

            self.app.push_screen(AlertsScreen(self.session.alerts))

    def action_history(self) -> None:
        if self.session is not None:
            from cockpit.tui.screens.history import HistoryScreen

            self.app.push_screen(HistoryScreen(self.session))

    # -- a pane's own views, drills and actions ----------------------------------------------------

    def action_run(self, command_id: str) -> None:
        """A key of the current pane's own."""
        from cockpit.tui import opening

        if not opening.by_key(self, command_id):
            self.current.action_run(command_id)

    @on(PaneFrame.Wanted)
    def _wanted(self, event: PaneFrame.Wanted) -> None:
        if self.deeds is not None:
            begin(self, partial(self.deeds.run, event.command_id, event.frame), group="dialog")
