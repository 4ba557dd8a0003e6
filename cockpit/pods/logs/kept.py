"""What is kept of followed logs, for a loop: one thread owns the ring, so that no disk holds the screen."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from cockpit.model import errors
from cockpit.pods.logs.ring import DISK_BYTES, MEMORY_BYTES, Ring

R = TypeVar("R")


class Kept:
    """Close it when it is not shown any more."""

    def __init__(self, *, disk_bytes: int = DISK_BYTES, folder: Path | None = None) -> None:
        """Files without a name in `folder`, or in the one for large temporary files. No I/O yet."""
        self._thread = ThreadPoolExecutor(1, "logs")
        self._make = partial(_make, disk_bytes, folder)
        self._ring: Ring | None = None
        self._closed = False

    async def open(self) -> None:
        """Once, before anything else."""
        self._ring = await asyncio.get_running_loop().run_in_executor(self._thread, self._make)

    async def take(self, lines: list[bytes], tags: list[int]) -> None:
        """Append lines. Raises errors.Denied for a disk that fails."""
        await self.do(lambda ring: ring.add(lines, tags))

    async def do(self, deed: Callable[[Ring], R]) -> R:
        """In the thread; keep it short. Raises errors.Denied when the disk fails, Refused when closed."""
        if self._ring is None or self._closed:
            raise errors.Refused("the kept lines are closed")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, deed, self._ring)
        except OSError as error:
            raise errors.Denied(f"the kept lines cannot be read or written: {error.strerror}") from error

    async def steps(self, begin: Callable[[Ring], Iterator[R]]) -> R | None:
        """Something long, a step at a time, so that others get their turn; what the last step said."""
        steps = await self.do(begin)
        said: R | None = None
        while (step := await self.do(lambda _: next(steps, None))) is not None:
            said = step
        return said

    def close(self) -> None:
        """In the thread, when it has done what it was asked for."""
        self._closed = True
        if self._ring is not None:
            self._thread.submit(self._ring.close)
        self._thread.shutdown(wait=False)


def _make(disk_bytes: int, folder: Path | None) -> Ring:
    """In memory where there is no place for files."""
    for place in [folder] if folder is not None else _places():
        try:
            tempfile.TemporaryFile(dir=place).close()
        except OSError:
            continue
        return Ring(place, disk_bytes=disk_bytes)
    ring = Ring(None, disk_bytes=MEMORY_BYTES)
    ring.fault = f"no folder for temporary files: the last {MEMORY_BYTES >> 20} MiB are kept in memory"
    return ring


def _places() -> list[Path]:
    """/tmp is often memory; /var/tmp is the place for what is large: file-hierarchy(7)."""
    named = os.environ.get("TMPDIR")
    return [Path(named)] if named else [Path("/var/tmp"), Path("/tmp")]
