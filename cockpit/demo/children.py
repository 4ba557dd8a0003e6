"""The demo's services as child processes: started together, waited for, and gone with us however we go.

Each child is handed a pipe as stdin that ends when this process does, even by kill -9 (see `demo/child.py`).
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

READY_SECONDS = 60.0
STOP_SECONDS = 5.0
LINE_BYTES = 1 << 20
LEAST_ROOM_BYTES = 1 << 20
"""A service that ends without a word where less is free had no room for one."""


class DemoError(Exception):
    """The demo cannot run; the message says why and what to do."""


class Child:
    """One service of the demo, started at once."""

    def __init__(self, name: str, folder: Path, arguments: Sequence[str] = ()) -> None:
        """`name` is the module in `cockpit.demo`; `folder` is its own, with `NAME.log` beside it for its stderr."""
        self.name = name
        folder.mkdir(mode=0o700)
        self._log = folder.with_suffix(".log")
        with open(self._log, "wb", opener=_private) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"cockpit.demo.{name}", str(folder), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # ctrl-c in the terminal is for us; we stop the children in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def facts(self, seconds: float = READY_SECONDS) -> dict[str, Any]:
        """What it announced once it was ready. Raises DemoError when it died or took longer than `seconds`."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        os.set_blocking(descriptor, False)
        deadline, line = time.monotonic() + seconds, b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise DemoError(f"the demo's {self.name} was not ready within {seconds:.0f} s{self._last_words()}")
                chunk = os.read(descriptor, 65536)
                if not chunk or len(line) > LINE_BYTES:
                    raise DemoError(f"the demo's {self.name} did not start{self._last_words()}")
                line += chunk
        facts = json.loads(line)
        assert isinstance(facts, dict)
        return facts

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        if lines:
            return f": {lines[-1][:300]}"
        return f": {self._log.parent} is full" if shutil.disk_usage(self._log.parent).free < LEAST_ROOM_BYTES else ""

    def hang_up(self) -> None:
        """Tell it to stop, without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has stopped; kill it when it does not."""
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
