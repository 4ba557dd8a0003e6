"""`cockpit fleet shell` with several hosts: the screen of shells alone, without the panes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import BindingType

from cockpit.config.settings import Settings
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.shell.actions import shells_job
from cockpit.fleet.shell.shells import Shells
from cockpit.tasks.action import Job, State
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord
from cockpit.tui import themes
from cockpit.tui.screens.shells import ShellsScreen
from cockpit.tui.terminal.crash import QuietCrash
from cockpit.tui.terminal.driver import PacedDriver

FAILED, INTERRUPTED = 1, 130


class ShellsApp(QuietCrash[int]):
    """Ends when the screen is left; the return value is the exit code."""

    CSS_PATH: ClassVar[list[str]] = ["cockpit.tcss"]  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, settings: Settings, job: Job, shells: Shells) -> None:
        super().__init__(driver_class=PacedDriver)
        self._job, self._shells = job, shells
        self._task: asyncio.Task[None] | None = None
        for found in themes.find():
            if not isinstance(found, themes.ThemeError):
                self.register_theme(found)
        if settings.ui.theme in self.available_themes:
            self.theme = settings.ui.theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return themes.VARIABLES

    def on_mount(self) -> None:
        self._task = asyncio.create_task(self._run(), name="shells")
        self.push_screen(ShellsScreen(self._shells), lambda _: None)

    def notify(self, message: str, *, markup: bool = False, **options: Any) -> None:
        super().notify(message, markup=False, **options)

    async def _run(self) -> None:
        async with TaskManager.open() as tasks:
            record = await tasks.submit(self._job).done()
        self.exit(_code(record))


def _code(record: TaskRecord) -> int:
    if record.state is State.SUCCEEDED:
        return 0
    return INTERRUPTED if record.state is State.CANCELLED else FAILED


def run_shells(settings: Settings, roster: Roster, machines: Sequence[Machine]) -> int:
    """Show them until they are left; the exit code. Raises errors.Refused."""
    job = shells_job(roster, machines)
    assert isinstance(job.live, Shells)
    return ShellsApp(settings, job, job.live).run() or 0
