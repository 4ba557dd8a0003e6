"""What is kept of followed logs, for a loop: one thread owns the ring, so that no disk holds the screen."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from cockpit.model import errors
from cockpit.pods.logs.ring import DISK_BYTES, Ring

R = TypeVar("R")


class Kept:
    """Close it when it is not shown any more."""

    def __init__(self, *, disk_bytes: int = DISK_BYTES, parent: Path | None = None) -> None:
        """A private folder is made in `parent`, or in the folder for temporary files. No I/O yet."""
        self._thread = ThreadPoolExecutor(1, "logs")
        self._make = partial(_make, disk_bytes, parent)
        self._ring: Ring | None = None
        self._folder: Path | None = None

    async def open(self) -> Ring:
        """Once, before anything else."""
        ring, self._folder = await asyncio.get_running_loop().run_in_executor(self._thread, self._make)
        self._ring = ring
        return ring

    async def take(self, lines: list[bytes], tags: list[int]) -> None:
        """Append lines. Raises errors.Denied for a disk that fails."""
        await self.do(lambda ring: ring.add(lines, tags))

    async def do(self, deed: Callable[[Ring], R]) -> R:
        """In the thread; keep it short."""
        assert self._ring is not None
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
        ring, folder = self._ring, self._folder

        def end() -> None:
            if ring is not None:
                ring.close()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

        self._thread.submit(end)
        self._thread.shutdown(wait=False)


def _make(disk_bytes: int, parent: Path | None) -> tuple[Ring, Path | None]:
    """In memory where no folder can be made; mkdtemp makes it 0700."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"cockpit-logs-{os.getpid()}-", dir=parent))
    except OSError:
        return Ring(None), None
    return Ring(folder, disk_bytes=disk_bytes), folder
