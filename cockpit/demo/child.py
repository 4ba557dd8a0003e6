"""What every service of the demo does at its end of the line: say when it is ready, and die with its parent.

A service is a module run as `python -m cockpit.demo.NAME STATE_DIR`. It prints one JSON object in one line on stdout
once it listens, then serves until stdin ends (the parent has gone, however it went) or SIGTERM arrives.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies (prctl(2)); stdin's end is the portable fallback."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


async def ready_until_orphaned(facts: Mapping[str, Any]) -> None:
    """Announce `facts` (ports, keys, paths) and return when it is time to stop serving."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    loop.add_reader(0, lambda: over.set() if not os.read(0, 4096) else None)
    sys.stdout.write(json.dumps(dict(facts)) + "\n")
    sys.stdout.flush()
    try:
        await over.wait()
    finally:
        loop.remove_reader(0)
