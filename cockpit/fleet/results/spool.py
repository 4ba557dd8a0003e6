"""Where the output of a run goes: a file for each stream of each host, raw bytes, under a quota.

Nothing is decoded or split into lines here. Hashing, counting and writing happen in the run's writer thread, see
stream.py.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from cockpit.fleet.results.stream import Stream
from cockpit.fleet.results.writer import Writer
from cockpit.model.units import human_bytes

QUOTA_BYTES = 2 * 2**30
"""Of one run."""
HOST_BYTES = 256 * 2**20
"""Of one host, both streams together."""
SHOWN_BYTES = 32 * 1024
"""Held in memory of the end of a host's output."""
PENDING_BYTES = 8 * 2**20
"""Not yet on disk: from here on hosts are made to wait."""
MUCH_BYTES = 8 * 1024
"""In one piece: it is written without waiting for more."""
OPEN_FILES = 64
"""At the same time; the one written to longest ago is closed and opened again when it goes on."""
RETRY_SECONDS = 5.0
"""Between two tries of a disk that was full."""
LINE_BYTES = 300
"""Of the last line, as a table shows it."""
NAME_BYTES = 200
"""Of a file's name; file systems allow 255."""
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.@+=,-]")


class Sealed(Struct, frozen=True):
    """The output of a host that has ended, all on disk."""

    stdout_bytes: int = 0
    stderr_bytes: int = 0
    lines: int = 0
    """Line ends of both streams."""
    stdout_digest: str = ""
    """SHA-256 in hex of all of it, kept or not; empty without output."""
    stderr_digest: str = ""
    stdout_path: str = ""
    """Empty without output: there is no file then."""
    stderr_path: str = ""
    truncated: bool = False
    """Not all is on disk: head and tail are."""


class Spool:
    """Of one run."""

    def __init__(self, writer: Writer, folder: Path, *, quota_bytes: int, host_bytes: int, attended: bool) -> None:
        self.folder = folder
        self.kept_bytes = 0
        """On disk so far."""
        self.fault = ""
        """Why the output is not whole; empty when it is."""
        self.host_bytes = host_bytes
        self.attended = attended
        self.writer = writer
        self._step_bytes = self._quota_bytes = quota_bytes
        self._pending_bytes = 0
        self._open: dict[Stream, int] = {}
        """Files by who writes to them, the one written to longest ago first. The thread's."""
        self._stuck: dict[Stream, str] = {}
        """What the disk did not take, and why. The thread's, read by the loop."""
        self._retry: asyncio.TimerHandle | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        writer: Writer,
        folder: Path,
        *,
        quota_bytes: int = QUOTA_BYTES,
        host_bytes: int = HOST_BYTES,
        attended: bool = True,
    ) -> AsyncIterator[Spool]:
        """A spool whose folder is there. Leaving it waits until everything is on disk.

        Over the quota, or on a full disk, hosts are made to wait until the quota is raised, which takes somebody:
        not `attended`, the head and the tail of each host are kept and the rest is left out.
        """
        spool = cls(writer, folder, quota_bytes=quota_bytes, host_bytes=host_bytes, attended=attended)
        try:
            yield spool
        finally:
            if spool._retry is not None:
                spool._retry.cancel()
            await writer.settled()

    def host(self, name: str, *, attempt: int = 1) -> HostOutput:
        """Where the output of a host goes; of another attempt it is another place."""
        return HostOutput(self, file_name(name) + (f"~{attempt}" if attempt > 1 else ""))

    @property
    def waiting(self) -> str:
        """Why hosts are made to wait; empty: they are not."""
        if not self.attended:
            return ""
        if self._stuck:
            why = next(iter(self._stuck.values()), "")
            return f"the disk does not take the output ({why}); free some space, or abort"
        if self._used_up:
            return f"the quota of {human_bytes(self._quota_bytes)} for the output is used up; raise it, or abort"
        return ""

    def raise_quota(self, more_bytes: int | None = None) -> None:
        """So much more may be kept (None: as much again); a full disk is tried again."""
        self._quota_bytes += self._step_bytes if more_bytes is None else more_bytes
        self._try_again()
        self.writer.poke()

    def put(self, stream: Stream, data: bytes) -> None:
        """On the loop."""
        with self.writer.lock:
            stream.pending.append(data)
            self._pending_bytes += len(data)
        self.writer.touch(stream, much=len(data) >= MUCH_BYTES)

    async def room(self, output: HostOutput) -> None:
        while True:
            done = self.writer.done
            if not self.full(output):
                return
            if self._stuck and self._retry is None:
                self._retry = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._try_again)
            await self.writer.past(done)

    def full(self, output: HostOutput) -> bool:
        """Whether `room` would wait."""
        if self._pending_bytes > PENDING_BYTES:
            return True
        return self.attended and (bool(self._stuck) or (self._used_up and not output.capped))

    @property
    def _used_up(self) -> bool:
        return self.kept_bytes + self._pending_bytes >= self._quota_bytes

    def _try_again(self) -> None:
        self._retry = None
        for stream in list(self._stuck):
            self.writer.touch(stream)

    # what follows is called in the writer's thread

    def taken(self, size: int) -> None:
        with self.writer.lock:
            self._pending_bytes -= size

    def allowed(self, host_left: int) -> int:
        """How much more of a host may be kept."""
        return host_left if self.attended else max(0, min(host_left, self._quota_bytes - self.kept_bytes))

    def append(self, stream: Stream, data: bytes) -> int:
        """Write to the file of a stream; gives how much of it the disk took."""
        view, done = memoryview(data), 0
        try:
            file = self._file(stream)
            while done < len(data):
                done += os.write(file, view[done:])
        except OSError as error:
            self._stuck[stream] = error.strerror or str(error)
            if not self.attended:
                self.fault = self.fault or f"the output is not whole: {self._stuck[stream]}"
        else:
            self._stuck.pop(stream, None)
        self.kept_bytes += done
        return done

    def give_up(self, stream: Stream) -> None:
        """What it still owes the disk is left out."""
        why = self._stuck.pop(stream, "")
        if why:
            self.fault = self.fault or f"the output is not whole: {why}"

    def close(self, stream: Stream) -> None:
        file = self._open.pop(stream, None)
        if file is not None:
            os.close(file)

    def _file(self, stream: Stream) -> int:
        file = self._open.pop(stream, None)
        if file is None:
            while len(self._open) >= OPEN_FILES:
                self.close(next(iter(self._open)))
            flags = os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(self.folder / stream.name, flags, 0o600)
        self._open[stream] = file
        return file


class HostOutput:
    """Of one host of a run. All of it is called on the event loop."""

    def __init__(self, spool: Spool, name: str) -> None:
        self.stdout_bytes = 0
        """So far."""
        self.stderr_bytes = 0
        self.kept_bytes = 0
        """On disk, of both streams. Written by the thread."""
        self._spool = spool
        self._name = name
        self._out: Stream | None = None
        self._err: Stream | None = None
        self._last: deque[tuple[bool, bytes]] = deque()
        self._last_bytes = 0

    def write(self, data: bytes, *, stderr: bool) -> None:
        """Never blocks."""
        if stderr:
            self.stderr_bytes += len(data)
            stream = self._err = self._err or Stream(self._spool, self, f"{self._name}.err")
        else:
            self.stdout_bytes += len(data)
            stream = self._out = self._out or Stream(self._spool, self, f"{self._name}.out")
        self._spool.put(stream, data)
        self._last.append((stderr, data[-SHOWN_BYTES:]))
        self._last_bytes += min(len(data), SHOWN_BYTES)
        while self._last_bytes - len(self._last[0][1]) >= SHOWN_BYTES:
            self._last_bytes -= len(self._last.popleft()[1])

    async def room(self) -> None:
        """Wait while the disk is behind, or the quota is used up: the back-pressure to the host."""
        await self._spool.room(self)

    @property
    def stdout_path(self) -> Path:
        """Where it goes; the file comes with the first byte."""
        return self._spool.folder / f"{self._name}.out"

    @property
    def stderr_path(self) -> Path:
        return self._spool.folder / f"{self._name}.err"

    @property
    def full(self) -> bool:
        """Whether `room` would wait."""
        return self._spool.full(self)

    @property
    def capped(self) -> bool:
        """What comes now is counted and hashed, but of it only the tail is kept."""
        return any(stream.capped for stream in self._streams)

    @property
    def lines(self) -> int:
        """Line ends of both streams that have been counted so far."""
        return sum(stream.lines for stream in self._streams)

    async def seal(self) -> Sealed:
        """No more will come. Returns when all is on disk."""
        streams = self._streams
        for stream in streams:
            stream.sealing = True
            self._spool.writer.touch(stream)
        if streams:
            await self._spool.writer.settled()
        out, err = self._out, self._err
        return Sealed(
            stdout_bytes=self.stdout_bytes,
            stderr_bytes=self.stderr_bytes,
            lines=self.lines,
            stdout_digest=out.digest if out else "",
            stderr_digest=err.digest if err else "",
            stdout_path=str(self._spool.folder / out.name) if out else "",
            stderr_path=str(self._spool.folder / err.name) if err else "",
            truncated=any(stream.cut for stream in streams),
        )

    def tail(self, lines: int) -> list[tuple[bool, bytes]]:
        """The last lines in memory, without their ends: (is it stderr, line)."""
        found: list[tuple[bool, bytes]] = []
        open_line = {False: b"", True: b""}
        for stderr, data in self._last:
            *whole, rest = data.split(b"\n")
            if whole:
                whole[0] = open_line[stderr] + whole[0]
                found += [(stderr, line) for line in whole]
                open_line[stderr] = rest
            else:
                open_line[stderr] += rest
        found += [(stderr, line) for stderr, line in open_line.items() if line]
        return found[-lines:]

    @property
    def last_line(self) -> bytes:
        """The last line that is not blank, cut to what a table shows."""
        for _, data in reversed(self._last):
            line = data.rstrip()
            if line:
                return line[line.rfind(b"\n") + 1 :][:LINE_BYTES]
        return b""

    async def ends(self, most_bytes: int) -> tuple[bytes, bytes]:
        """The last so many bytes of stdout and of stderr, of a sealed output. From the disk only if it is long."""
        if self.stdout_bytes + self.stderr_bytes <= self._last_bytes:
            out = b"".join([data for stderr, data in self._last if not stderr])
            return out[-most_bytes:], b"".join([data for stderr, data in self._last if stderr])[-most_bytes:]
        paths = [self._spool.folder / stream.name if stream else None for stream in (self._out, self._err)]

        def read() -> tuple[bytes, bytes]:
            out, err = (read_end(path, most_bytes) if path else b"" for path in paths)
            return out, err

        return await asyncio.to_thread(read)

    @property
    def _streams(self) -> list[Stream]:
        return [stream for stream in (self._out, self._err) if stream is not None]


def file_name(host: str) -> str:
    """A host's name as a file's: others than plain characters as %XX, very long ones cut, no two alike."""
    raw = host.encode("utf-8", "surrogatepass")
    text = _UNSAFE.sub(lambda found: f"%{found[0][0]:02X}".encode(), raw).decode("ascii")
    if text.startswith("."):
        text = f"%2E{text[1:]}"
    if len(text) <= NAME_BYTES:
        return text or "%"
    return f"{text[: NAME_BYTES - 17]}~{hashlib.sha256(raw).hexdigest()[:16]}"


def read_end(path: Path, most_bytes: int) -> bytes:
    """Blocking. A file that is not there, or not readable any more, is empty."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most_bytes))
            return file.read(most_bytes)
    except OSError:
        return b""
