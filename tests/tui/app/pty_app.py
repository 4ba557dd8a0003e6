"""The terminal app on a real terminal, for tests of signals and exits: python pty_app.py [task|stubborn|lent|crash].

With `task` a task runs that ends only when cancelled, with `stubborn` one that takes a second to stop; with `lent` one
is lent the terminal and fails; `crash` ends in a defect.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cockpit.config import logs
from cockpit.config.settings import Settings
from cockpit.model import errors
from cockpit.session.session import Session, open_session
from cockpit.tasks.action import Job, Progress
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.terminal import written
from cockpit.tui.app import Cockpit, run

WISH = sys.argv[1] if len(sys.argv) > 1 else ""


async def endless(progress: Progress) -> None:
    progress.say("started")
    try:
        await asyncio.Event().wait()
    finally:
        if WISH == "stubborn":
            await asyncio.sleep(1.0)


async def borrow(tasks: TaskManager) -> None:
    while tasks.lend is None:
        await asyncio.sleep(0.02)
    async with tasks.lend() as terminal:
        await written(terminal.output, b"mine for a while")
        raise errors.Refused("it went wrong")


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    async with open_session(Settings()) as opened:
        if WISH in ("task", "stubborn"):
            opened.tasks.submit(Job("test.endless", "An endless task", (), endless, stop_seconds=3.0))
        if WISH == "lent":
            opened.tasks.submit(Job("test.borrow", "Borrow the terminal", (), lambda _: borrow(opened.tasks)))
        yield opened


def crash(self: Cockpit) -> None:
    secret = "s3cr3t"
    raise ZeroDivisionError(f"a defect of {len(secret)} letters")


if WISH == "crash":
    Cockpit.pane_state = lambda self, title, word: crash(self)  # type: ignore[method-assign]
logs.begin()
sys.exit(run(Settings(), session_factory=session))
