"""The terminal app on a real terminal, for the tests of signals and exits: python pty_app.py [task|stubborn|crash].

With `task` a task runs that ends only when cancelled, with `stubborn` one that takes a second to stop; `crash` ends in
a defect.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cockpit.config import logs
from cockpit.config.settings import Settings
from cockpit.session.session import Session, open_session
from cockpit.tasks.action import Job, Progress
from cockpit.tui.app import Cockpit, run

WISH = sys.argv[1] if len(sys.argv) > 1 else ""


async def endless(progress: Progress) -> None:
    progress.say("started")
    try:
        await asyncio.Event().wait()
    finally:
        if WISH == "stubborn":
            await asyncio.sleep(1.0)


@asynccontextmanager
async def session() -> AsyncIterator[Session]:
    async with open_session(Settings()) as opened:
        if WISH in ("task", "stubborn"):
            opened.tasks.submit(Job("test.endless", "An endless task", (), endless, stop_seconds=3.0))
        yield opened


def crash(self: Cockpit) -> None:
    secret = "s3cr3t"
    raise ZeroDivisionError(f"a defect of {len(secret)} letters")


if WISH == "crash":
    Cockpit.pane_state = lambda self, title, word: crash(self)  # type: ignore[method-assign]
logs.begin()
sys.exit(run(Settings(), session_factory=session))
