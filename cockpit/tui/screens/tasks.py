"""The tasks drawer: what was started, how far it is, its output; and the way to stop it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType

from cockpit.model.errors import SourceError
from cockpit.model.tone import GLYPHS
from cockpit.session.tasks import STATE_TONES, TASK_COLUMNS
from cockpit.tasks.records import TaskRecord
from cockpit.tui.lines import Piece
from cockpit.tui.screens.lines import LinesScreen
from cockpit.tui.screens.sure import SureScreen
from cockpit.tui.screens.table import TableScreen
from cockpit.tui.widgets.live_table import LiveTable
from cockpit.tui.work import begin

if TYPE_CHECKING:
    from cockpit.session.session import Session
    from cockpit.tasks.manager import TaskManager


async def cancel(app: App[Any], tasks: TaskManager, record: TaskRecord) -> None:
    """Ask, then cancel. Call it from a worker."""
    if record.ended:
        app.notify(f"it has ended: {record.state.replace('_', ' ')}", severity="warning")
        return
    if not await app.push_screen_wait(SureScreen("Cancel this task?", [record.sentence], "Cancel the task")):
        return
    try:
        tasks.cancel(record.key)
    except SourceError as error:
        app.notify(str(error), severity="warning")


class TasksScreen(TableScreen[TaskRecord]):
    """Newest first. Tasks of the user's other cockpits are there too."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "cancel", "Cancel the task", id="tasks.cancel")]

    def __init__(self, session: Session) -> None:
        tasks = session.tasks
        super().__init__(
            "Tasks", TASK_COLUMNS, tasks.follow, sort="started", descending=True, empty="nothing was started yet"
        )
        self._session = session
        self._tasks = tasks

    def own_hints(self) -> list[tuple[str, str]]:
        return [("enter", "output"), (self.cockpit.keymap.shown("tasks.cancel"), "cancel")]

    def state(self) -> list[Piece]:
        fault = self._tasks.fault
        return [Piece(f"▲ journal: {fault} ", "warn")] if fault else []

    def action_tasks(self) -> None:
        """The key that opened it closes it."""
        self.dismiss(None)

    def action_cancel(self) -> None:
        record = self.table.current()
        if record is not None:
            begin(self, partial(cancel, self.app, self._tasks, record), group="dialog")

    @on(LiveTable.Activated)
    def _activated(self) -> None:
        record = self.table.current()
        if record is not None:
            begin(self, partial(self._open, record), group="open", exclusive=True)

    async def _open(self, record: TaskRecord) -> None:
        from cockpit.tui.screens.live import screen_of

        self.app.push_screen(await screen_of(self._session, record))


class OutputScreen(LinesScreen):
    """The output of a task, following while it runs."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "cancel", "Cancel the task", id="tasks.cancel")]

    def __init__(self, tasks: TaskManager, record: TaskRecord) -> None:
        super().__init__(record.sentence, lambda: tasks.tail(record.key), follow=True)
        self._tasks = tasks
        self._key = self.task_id = record.key

    def hints(self) -> list[Piece]:
        return [*super().hints(), Piece("x", "key"), Piece(" cancel the task", "muted")]

    def on_mount(self) -> None:
        super().on_mount()
        begin(self, self._watch, group="watch")

    async def _watch(self) -> None:
        """Say in the title how the task stands."""
        async for _ in self._tasks.follow():
            record = self._tasks.records.get(self._key)
            if record is None:
                continue
            self.outcome = _outcome(record)
            self.tell()
            if record.ended:
                return

    def ended(self) -> Piece:
        record = self._tasks.records.get(self._key)
        return super().ended() if record is None else _outcome(record)

    def action_cancel(self) -> None:
        record = self._tasks.records.get(self._key)
        if record is not None:
            begin(self, partial(cancel, self.app, self._tasks, record), group="dialog")


def _outcome(record: TaskRecord) -> Piece:
    done = f" {record.done}/{record.total}" if record.total and not record.ended else ""
    why = f": {record.why}" if record.why else ""
    tone = STATE_TONES[record.state]
    return Piece(f"{GLYPHS[tone]} {record.state.replace('_', ' ')}{done}{why}", tone.value)
