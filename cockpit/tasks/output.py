"""Bounded output of a task: the head and the tail stay in memory, everything goes to a spill file.

A spill is lines of `name TAB bytes NEWLINE`; the name of the target is empty for what the task itself says, and the
bytes are as they came, in whatever encoding. What could not be kept is counted and said where it is missing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from msgspec import Struct

from cockpit.model.units import human_bytes

log = logging.getLogger(__name__)

Line = tuple[bytes, bytes]
"""(target, line without its end)"""

LINE_BYTES = 64 * 1024
"""A longer line is cut into several."""
QUOTA_BYTES = 64 * 2**20
"""Of a spill; after it only the last LATE_BYTES are kept."""
PENDING_BYTES = 4 * 2**20
"""Not yet on disk. What comes on top is dropped: a run that writes much awaits `drained` between its writes."""
LATE_BYTES = 128 * 1024
HEAD_BYTES, TAIL_BYTES = 64 * 1024, 192 * 1024
TARGET_HEAD_BYTES, TARGET_TAIL_BYTES = 8 * 1024, 24 * 1024
READ_BYTES = 256 * 1024


class Ends:
    """The first and the last lines of a stream, at most so many bytes of each."""

    def __init__(self, head_bytes: int, tail_bytes: int) -> None:
        self._head: list[Line] = []
        self._tail: deque[Line] = deque()
        self._head_room, self._tail_room = head_bytes, tail_bytes
        self._room = head_bytes + tail_bytes
        self.omitted_lines = 0
        self.omitted_bytes = 0

    def add(self, line: Line) -> None:
        size = len(line[0]) + len(line[1]) + 2
        if self._head_room > 0 and not self._tail:
            self._head.append(line)
            self._head_room -= size
            return
        self._tail.append(line)
        self._tail_room -= size
        while self._tail_room < 0 and len(self._tail) > 1:
            target, text = self._tail.popleft()
            gone = len(target) + len(text) + 2
            self._tail_room += gone
            self.omitted_lines += 1
            self.omitted_bytes += gone

    @property
    def held_bytes(self) -> int:
        return self._room - self._head_room - self._tail_room

    def lines(self) -> list[Line]:
        """With a line in the middle that says how much is left out there."""
        if not self.omitted_lines:
            return [*self._head, *self._tail]
        return [*self._head, (b"", gap(self.omitted_lines, self.omitted_bytes, "left out here")), *self._tail]


def gap(lines: int, size: int, why: str) -> bytes:
    """The line that stands where others are missing."""
    return f"... {lines} lines ({human_bytes(size)}) {why} ...".encode()


def text(line: bytes) -> str:
    """As UTF-8 as far as it is; the rest is shown as U+FFFD."""
    return line.decode("utf-8", "replace")


class Output:
    """Of one task. All of it runs on the event loop; the file is written in the executor's one thread."""

    def __init__(
        self,
        path: Path,
        executor: Executor,
        listener: Callable[[str, str], None] | None = None,
        *,
        quota_bytes: int = QUOTA_BYTES,
        pending_bytes: int = PENDING_BYTES,
    ) -> None:
        """`listener` is told every whole line at once: (target, line)."""
        self.path = path
        self.total_bytes = 0
        self.dropped_bytes = 0
        self.grown = asyncio.Event()
        """Set whenever more of it is on disk, or it is closed."""
        self.closed = False
        self._executor, self._listener = executor, listener
        self._quota, self._room, self._pending_most = quota_bytes, quota_bytes, pending_bytes
        self._all = Ends(HEAD_BYTES, TAIL_BYTES)
        self._targets: dict[bytes, Ends] = {}
        self._open: dict[bytes, bytearray] = {}
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._gap = (0, 0)
        self._late: Ends | None = None
        self._fault = ""
        self._file: int | None = None
        self._flusher: asyncio.Task[None] | None = None

    def write(self, data: bytes, target: str = "") -> None:
        name = _name(target)
        self.total_bytes += len(data)
        if self.closed:
            self.dropped_bytes += len(data)
            return
        line = self._open.setdefault(name, bytearray())
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line += data[start:end]
            self._cut(name, line)
            self._line(name, bytes(line))
            line.clear()
            start = end + 1
        line += data[start:]
        self._cut(name, line)
        if not line:
            del self._open[name]

    def say(self, said: str, target: str = "") -> None:
        self.write(said.encode("utf-8", "backslashreplace") + b"\n", target)

    def lines(self, target: str = "") -> list[Line]:
        """What memory holds, of one target or of all; unfinished lines last."""
        name = _name(target)
        kept = self._targets.get(name) if target else self._all
        unfinished = [(key, bytes(line)) for key, line in self._open.items() if not target or key == name]
        return [*(kept.lines() if kept is not None else ()), *unfinished]

    async def drained(self) -> None:
        """Wait until what was written so far is on disk."""
        while self._flusher is not None:
            await asyncio.shield(self._flusher)

    async def close(self) -> None:
        """End unfinished lines, say what is missing, and close the file."""
        for name, line in self._open.items():
            self._line(name, bytes(line))
        self._open.clear()
        await self.drained()
        self._say_gap()
        if self._late is not None and not self._fault:
            missing = self._late.omitted_lines
            if missing:
                why = f"dropped: over the quota of {human_bytes(self._quota)}"
                self._pending.append(b"\t" + gap(missing, self._late.omitted_bytes, why) + b"\n")
            self._late.omitted_lines = 0
            self._pending += [name + b"\t" + line + b"\n" for name, line in self._late.lines()]
        if self._pending:
            self._start()
            await self.drained()
        if self._file is not None:
            file, self._file = self._file, None
            try:
                await asyncio.get_running_loop().run_in_executor(self._executor, os.close, file)
            except OSError as error:
                self._fault = self._fault or f"output is not whole: {error.strerror}"
        self.closed = True
        self.grown.set()

    @property
    def held_bytes(self) -> int:
        """In memory: some 256 KB, and up to 32 KB more for each target."""
        return self._all.held_bytes + sum([kept.held_bytes for kept in self._targets.values()])

    @property
    def fault(self) -> str:
        """Why the spill is not whole; empty when it is."""
        return self._fault

    def _cut(self, name: bytes, line: bytearray) -> None:
        while len(line) > LINE_BYTES:
            self._line(name, bytes(line[:LINE_BYTES]))
            del line[:LINE_BYTES]

    def _line(self, name: bytes, line: bytes) -> None:
        self._all.add((name, line))
        if name:
            if name not in self._targets:
                self._targets[name] = Ends(TARGET_HEAD_BYTES, TARGET_TAIL_BYTES)
            self._targets[name].add((name, line))
        self._tell(text(name), text(line))
        self._spill(name, line)

    def _tell(self, target: str, line: str) -> None:
        """Nobody listens any more, or the listener has a defect: the work goes on without it."""
        try:
            if self._listener is not None:
                self._listener(target, line)
        except Exception as error:
            self._listener = None
            if not isinstance(error, BrokenPipeError):
                log.exception("the listener of %s has a defect", self.path.name)

    def _spill(self, name: bytes, line: bytes) -> None:
        row = name + b"\t" + line + b"\n"
        if self._fault:
            self.dropped_bytes += len(row)
        elif self._late is not None or self._room < len(row):
            self._after_quota(name, line)
        elif self._pending_size + len(row) > self._pending_most:
            lines, size = self._gap
            self._gap = (lines + 1, size + len(row))
            self.dropped_bytes += len(row)
        else:
            self._say_gap()
            self._room -= len(row)
            self._pending.append(row)
            self._pending_size += len(row)
            self._start()

    def _after_quota(self, name: bytes, line: bytes) -> None:
        if self._late is None:
            self._late = Ends(0, LATE_BYTES)
        before = self._late.omitted_bytes
        self._late.add((name, line))
        self.dropped_bytes += self._late.omitted_bytes - before

    def _say_gap(self) -> None:
        lines, size = self._gap
        if lines:
            self._gap = (0, 0)
            self._pending.append(b"\t" + gap(lines, size, "dropped: came faster than the disk took it") + b"\n")

    def _start(self) -> None:
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush(), name="spill")

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._pending:
                rows, self._pending, self._pending_size = self._pending, [], 0
                block = b"".join(rows)
                try:
                    await loop.run_in_executor(self._executor, self._append, block)
                except OSError as error:
                    self._fault = f"output is not whole: {error.strerror}"
                    self.dropped_bytes += len(block)
                self.grown.set()
        finally:
            self._flusher = None

    def _append(self, block: bytes) -> None:
        if self._file is None:
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._file = os.open(self.path, flags, 0o600)
        view = memoryview(block)
        while view:
            view = view[os.write(self._file, view) :]


def _name(target: str) -> bytes:
    """A target's name as it stands in a spill: one line without a tab."""
    return " ".join(target.split()).encode("utf-8", "replace") if target else b""


class Page(Struct, frozen=True):
    """Part of a spill."""

    lines: tuple[Line, ...]
    offset: int
    """Where the next page begins."""
    end: bool
    """Nothing more was there."""


def read_page(path: Path, offset: int = 0, size: int = READ_BYTES) -> Page:
    """Whole lines from an offset on; blocking. A file that is not there is empty. Raises OSError."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(max(size, 4 * LINE_BYTES))
    except FileNotFoundError:
        return Page((), offset, True)
    whole = block.rfind(b"\n") + 1
    lines: list[Line] = []
    for row in block[:whole].split(b"\n")[:-1]:
        name, _, line = row.partition(b"\t")
        lines.append((name, line))
    return Page(tuple(lines), offset + whole, not whole)
