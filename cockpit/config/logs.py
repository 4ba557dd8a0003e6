"""Where failures are written down: a rotating file in the state folder, never the screen."""

from __future__ import annotations

import logging
import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path

from cockpit.config.places import state_dir

log = logging.getLogger(__name__)

MOST_BYTES = 2 * 2**20
KEPT_FILES = 3
_QUIET = ("asyncssh", "httpx", "httpcore", "asyncio", "markdown_it", "aiohttp.access", "kubernetes_asyncio")
"""They log what they send, tokens included, or too much, below a warning."""


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Readable by this user alone, from its first byte on."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        return TextIOWrapper(open(handle, "ab"), encoding=self.encoding, errors=self.errors)


def log_file() -> Path:
    return state_dir() / "cockpit.log"


def begin(*, debug: bool = False) -> None:
    """Log warnings and failures, with `debug` everything of cockpit. Without a writable folder nothing is logged."""
    root = logging.getLogger()
    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handler: logging.Handler = _PrivateFile(
            path, maxBytes=MOST_BYTES, backupCount=KEPT_FILES, encoding="utf-8", errors="backslashreplace", delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"))
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.WARNING)
    logging.raiseExceptions = False
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    if debug:
        from importlib.metadata import version
        from platform import platform, python_version

        log.debug("cockpit %s on Python %s, %s", version("cockpit"), python_version(), platform())
