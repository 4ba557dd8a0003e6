"""A defect in the terminal app: the log gets the traceback, the terminal one line.

textual prints a traceback with all local variables (`App._handle_exception`, private, textual 8.2.8), and those may
hold secrets.
"""

from __future__ import annotations

import logging
from typing import TypeVar

from rich.text import Text
from textual.app import App

log = logging.getLogger(__name__)

R = TypeVar("R")


class QuietCrash(App[R]):
    """An app whose crash is logged and named, never drawn."""

    def _handle_exception(self, error: Exception) -> None:
        log.critical("cockpit has crashed", exc_info=error)
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.panic(Text(f"cockpit has crashed: {type(error).__name__}: {error}; the log has the details"))
