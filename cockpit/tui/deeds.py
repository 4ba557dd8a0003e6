"""From a key to a task or a view: what is asked on the way, and what is said when it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cockpit.listing.views import View
from cockpit.model.errors import SourceError
from cockpit.tasks.action import Action, Job

if TYPE_CHECKING:
    from cockpit.pods.logs.view import LogView
    from cockpit.session.pane import Drill, Pane
    from cockpit.session.session import Session
    from cockpit.tui.app import Cockpit
    from cockpit.tui.panes.frame import PaneFrame

NAMED = 6
"""Rows that a dialog names before it counts the rest."""


class Deeds:
    """Runs a pane's views, drills and actions for what is chosen in it."""

    def __init__(self, app: Cockpit, session: Session) -> None:
        self._app = app
        self._session = session

    async def run(self, command_id: str, frame: PaneFrame) -> None:
        """Call it from a worker: it waits for dialogs."""
        pane = frame.pane
        if pane is None:
            return
        log = next((log for log in pane.logs if log.id == command_id), None)
        if log is not None:
            self.logs(log, frame)
            return
        view = next((view for view in pane.views if view.id == command_id), None)
        if view is not None:
            self.open(view, frame)
            return
        drill = next((drill for drill in pane.drills if drill.id == command_id), None)
        if drill is not None:
            self.drill(drill, frame)
            return
        action = self._app.keymap.action(pane.name, command_id)
        if action is not None:
            await self._act(action, frame)

    def open(self, view: View[Any], frame: PaneFrame) -> None:
        """A view of the row under the cursor."""
        item = frame.current()
        assert frame.pane is not None
        if item is None:
            return self._refuse(f"{view.title}: no row is chosen")
        if why := view.disabled(item):
            return self._refuse(f"{view.title}: {why}")
        from cockpit.tui.screens.lines import LinesScreen

        title = f"{view.title} · {frame.pane.target(item).name}"
        self._app.push_screen(LinesScreen(title, lambda: view.lines(item), follow=view.follow, syntax=view.syntax))
        return None

    def logs(self, view: LogView[Any], frame: PaneFrame) -> None:
        """The logs of the marked rows, or of the one under the cursor."""
        items = tuple(frame.chosen())
        if not items:
            return self._refuse(f"{view.title}: no row is chosen")
        if why := view.disabled(items):
            return self._refuse(f"{view.title}: {why}")
        from cockpit.tui.screens.logs import LogsScreen

        query = view.query(items)
        self._app.push_screen(LogsScreen(view.clusters, query, f"{view.title} · {query.title}"))
        return None

    def drill(self, drill: Drill[Any], frame: PaneFrame) -> None:
        """The table inside the row under the cursor."""
        item = frame.current()
        assert frame.pane is not None
        if item is None:
            return self._refuse(f"{drill.title}: no row is chosen")
        if why := drill.disabled(item):
            return self._refuse(f"{drill.title}: {why}")
        from cockpit.tui.opening import lay

        title = f"{drill.title} · {frame.pane.target(item).name}"
        lay(self._app, self._session, drill.open(item), title, {})
        return None

    async def _act(self, action: Action[Any], frame: PaneFrame) -> None:
        assert frame.pane is not None
        items = tuple(frame.chosen())
        if why := why_not(frame.pane, action, items):
            return self._refuse(f"{action.title}: {why}")
        job = await self._bound(frame.pane, action, items)
        if job is not None:
            await self.submit(job, action.title, shown=bool(action.inputs))
        return None

    async def submit(self, job: Job, verb: str, *, shown: bool = True) -> None:
        """Ask where it must be asked, then do it. `shown`: what it says is wanted on the screen at once."""
        if not await self._confirmed(job, verb):
            return
        try:
            task = self._session.tasks.submit(job)
        except SourceError as error:
            self._refuse(f"{verb}: {error}")
            return
        self._app.started(self._session, task.id, verb, shown=shown)

    async def _bound(self, pane: Pane[Any], action: Action[Any], items: Sequence[Any]) -> Job | None:
        """The job of these very items, whatever comes and goes while the dialogs are open."""
        if action.inputs:
            from cockpit.tui.screens.ask import AskScreen

            names = [pane.target(item).name for item in items[:NAMED]]
            about = f"{', '.join(names)}{f' and {len(items) - NAMED} more' if len(items) > NAMED else ''}"
            return await self._app.push_screen_wait(
                AskScreen(action.title, about, action.inputs, lambda values: action.bind(items, values))
            )
        try:
            return action.bind(items, {})
        except SourceError as error:
            self._refuse(f"{action.title}: {error}")
            return None

    async def _confirmed(self, job: Job, verb: str) -> bool:
        from cockpit.tui.screens.confirm import ConfirmScreen, asks

        return not asks(job) or await self._app.push_screen_wait(ConfirmScreen(job, verb=verb))

    def _refuse(self, why: str) -> None:
        self._app.notify(why, severity="warning")


def why_not(pane: Pane[Any], action: Action[Any], items: Sequence[Any]) -> str:
    """Why the action cannot be done to these items; empty when it can."""
    if action.needs_items:
        if not items:
            return "no row is chosen"
        if not action.many and len(items) > 1:
            return f"one at a time; {len(items)} rows are marked"
        locked = [target.name for target in map(pane.target, items) if target.read_only]
        if locked:
            return f"{locked[0]} is read-only; see read_only in the configuration"
    return action.disabled(items) or ""
