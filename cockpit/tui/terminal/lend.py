"""The terminal, given away for a while: the app stands aside, its feeds and tasks go on."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from textual.app import App, SuspendNotSupported

from cockpit.model.errors import Refused
from cockpit.tasks.terminal import Tty

CLEAR = b"\x1b[H\x1b[2J"


@asynccontextmanager
async def lend(app: App[Any]) -> AsyncIterator[Tty]:
    """Raises errors.Refused where the app has no terminal to give away."""
    problem: BaseException | None = None
    try:
        with app.suspend():
            os.write(1, CLEAR)
            try:
                yield Tty()
            except BaseException as error:
                # textual's `suspend` (8.2.8) takes the terminal back only after a block that has not raised.
                problem = error
    except SuspendNotSupported as error:
        raise Refused("this terminal cannot be given away; run: cockpit fleet shell, or cockpit pods exec") from error
    app.refresh()
    if problem is not None:
        raise problem
