"""Which screen shows a task: its domain's own where it has one, else its output as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from cockpit.tasks.records import TaskRecord

if TYPE_CHECKING:
    from cockpit.session.session import Session


def own_screen(session: Session, task_id: str) -> Screen[Any] | None:
    """The screen for what a task of this cockpit has as its `live` value; None: there is none, or none for it."""
    from cockpit.fleet.run.run import Run
    from cockpit.fleet.run.watched import OwnRun
    from cockpit.fleet.shell.shells import Shells

    task = session.tasks.task(task_id)
    match None if task is None else task.job.live:
        case Run() as run:
            from cockpit.tui.screens.fleet_run import RunScreen

            record = session.tasks.records[task_id]
            return RunScreen(session, OwnRun(run, task_id, record.started_at, record.ended_at))
        case Shells() as shells:
            from cockpit.tui.screens.shells import ShellsScreen

            return ShellsScreen(shells)
        case _:
            return None


async def screen_of(session: Session, record: TaskRecord) -> Screen[Any]:
    """The screen for any task, of another cockpit or past ones too. Raises model.errors."""
    from cockpit.tui.screens.tasks import OutputScreen

    found = own_screen(session, record.key)
    if found is None and record.action.startswith("fleet."):
        from cockpit.tui.screens.fleet_run import kept_screen

        found = await kept_screen(session, record.key)
    return found or OutputScreen(session.tasks, record)
