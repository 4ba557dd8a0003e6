"""What is kept of one run: JSON lines, written as the run goes, so that a kill -9 tears at most the last one.

A header, `{"begun": host}` before a command is sent to it, a HostLine as the host ends, `{"end": ...}`. A record
without its end is of a run that goes on, or that was interrupted: hosts that were begun and have no line are then of
unknown outcome, the others were skipped.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import UNSET, Struct, UnsetType

from cockpit.fleet.results.outcome import HostResult, Kill, Outcome, digest_of
from cockpit.fleet.results.writer import Writer
from cockpit.model import clock, errors
from cockpit.tasks import process
from cockpit.tasks.process import Owner

FILE, OUTPUT = "run.jsonl", "output"
"""In the folder of a run."""
RUNNING, ENDED, INTERRUPTED = "running", "ended", "interrupted"
_END_BYTES = 64 * 1024
"""More than an end line takes."""
_encode = msgspec.json.Encoder().encode


class HostLine(Struct, frozen=True, kw_only=True):
    """How one host ended, as JSON has it: one line of a record, and of `cockpit fleet exec --format json`."""

    host: str
    address: str
    outcome: Outcome
    exit_code: int | None = None
    signal: str | None = None
    """"KILL", without "SIG"."""
    stdout: str | UnsetType = UNSET
    """At most the last 64 KiB, as UTF-8; not in a record, where it is in the spill."""
    stderr: str | UnsetType = UNSET
    truncated: bool = False
    """Not all output is in the spill; of `exec --format json`: or not all of it is in the line."""
    spill: str | None = None
    """The file of stdout. None without output on stdout."""
    kill: Kill = Kill.NOT_NEEDED
    duration_seconds: float = 0.0
    why: str = ""
    stderr_spill: str | None = None
    attempts: int = 1
    pipe_held: bool = False
    phases: dict[str, float] = {}
    """Seconds in each Phase that took any."""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    lines: int = 0
    stdout_digest: str = ""
    stderr_digest: str = ""
    digest: str = ""
    """See HostResult.digest."""


def line_of(result: HostResult) -> HostLine:
    return HostLine(
        host=result.machine.name,
        address=result.machine.address,
        outcome=result.outcome,
        exit_code=result.exit_code,
        signal=result.signal or None,
        truncated=result.truncated,
        spill=result.spill or None,
        stderr_spill=result.stderr_spill or None,
        kill=result.kill,
        duration_seconds=round(result.duration_seconds, 4),
        why=result.why,
        attempts=result.attempts,
        pipe_held=result.pipe_held,
        phases=result.phases,
        stdout_bytes=result.stdout_bytes,
        stderr_bytes=result.stderr_bytes,
        lines=result.lines,
        stdout_digest=result.stdout_digest,
        stderr_digest=result.stderr_digest,
        digest=digest_of(result.stdout_digest, result.stderr_digest),
    )


class Header(Struct, frozen=True, kw_only=True):
    """A run as it was begun."""

    run: str
    """The run's id: the task's id."""
    command: str
    selection: str
    plan: dict[str, str | int]
    """As run.plan.Plan has it, without what is at its default."""
    timeout_seconds: float
    connect_seconds: float | None
    sudo: str
    idempotent: bool
    hosts: tuple[tuple[str, str], ...]
    """(name, address) in the order of the run."""
    who: str
    owner: Owner
    started_at: float
    """Unix seconds."""


class End(Struct, frozen=True, kw_only=True):
    """The last line."""

    at: float
    """Unix seconds."""
    why: str
    """Why it stopped before all hosts had their turn; empty when it did not."""
    counts: dict[Outcome, int]
    kept_bytes: int
    """Of output on disk."""


class RunSummary(Struct, frozen=True, kw_only=True):
    """One run in a list."""

    key: str
    """The run's id."""
    command: str
    selection: str
    who: str
    started_at: float
    """Unix seconds."""
    ended_at: float | None
    """None: it goes on, or nobody saw its end."""
    state: str
    """RUNNING, ENDED, or INTERRUPTED: its cockpit died over it."""
    why: str
    """Why it stopped before all hosts had their turn."""
    hosts: int
    counts: dict[Outcome, int]
    kept_bytes: int | None
    """Of output on disk; None: not counted yet."""


class RunRecord(Struct, frozen=True, kw_only=True):
    """All that is kept of one run, save the output itself."""

    summary: RunSummary
    plan: dict[str, str | int]
    """As run.plan.Plan has it, without what is at its default."""
    timeout_seconds: float
    connect_seconds: float | None
    sudo: str
    idempotent: bool
    hosts: tuple[HostLine, ...]
    """In the order of the run; of one that goes on only those that have ended."""
    folder: Path


class Recorder:
    """Writes one record, in the run's writer thread."""

    def __init__(self, folder: Path, header: Header, writer: Writer) -> None:
        """Blocking: the header is on disk when it is made. Raises OSError."""
        self.folder = folder
        self.fault = ""
        """Why the record is not whole; empty when it is."""
        self._writer = writer
        self._lines: list[bytes] = []
        self._owed = b""
        self._closing = False
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(folder / FILE, flags, 0o600)
        try:
            _write_all(self._file, _encode(header) + b"\n")
        except OSError:
            os.close(self._file)
            raise

    def begun(self, name: str) -> None:
        """The command is about to be sent: await `written` before it is."""
        self._put({"begun": name})

    def ended(self, line: HostLine) -> None:
        self._put(line)

    async def written(self) -> None:
        """Wait until all lines are written, or `fault` says why not."""
        await self._writer.settled()

    async def close(self, end: End) -> None:
        """The run is over; all of it is on disk when this returns, or `fault` says why not."""
        self._put({"end": end})
        self._closing = True
        self._writer.touch(self)
        await self._writer.settled()

    def work(self) -> None:
        """In the writer's thread."""
        with self._writer.lock:
            lines, self._lines = self._lines, []
        self._owed += b"".join(lines)
        try:
            while self._owed:
                self._owed = self._owed[os.write(self._file, self._owed) :]
            self.fault = ""
            if self._closing:
                os.fsync(self._file)
        except OSError as error:
            self.fault = f"the run's record is not whole: {error.strerror}"
        if self._closing and self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _put(self, what: object) -> None:
        line = _encode(what) + b"\n"
        with self._writer.lock:
            self._lines.append(line)
        self._writer.touch(self)


def read(folder: Path) -> RunRecord:
    """Blocking. Raises errors.Malformed, and NotFound when it has just gone."""
    header, lines = _parted(folder)
    begun: set[str] = set()
    ended: dict[str, HostLine] = {}
    end: End | None = None
    for entry in _entries(lines):
        match entry:
            case HostLine():
                ended[entry.host] = entry
            case End():
                end = entry
            case _:
                begun.add(entry)
    state = _state(header, end)
    hosts = tuple(_whole(header, ended, begun) if state != RUNNING else _whole(header, ended, None))
    counts = end.counts if end else dict(Counter([line.outcome for line in hosts]))
    return RunRecord(
        summary=_summary(header, end, state, counts),
        plan=header.plan,
        timeout_seconds=header.timeout_seconds,
        connect_seconds=header.connect_seconds,
        sudo=header.sudo,
        idempotent=header.idempotent,
        hosts=hosts,
        folder=folder,
    )


def summary_of(folder: Path) -> RunSummary:
    """From the first and the last line alone where that is enough. Blocking. Raises as `read` does."""
    try:
        with (folder / FILE).open("rb") as file:
            header = _header(folder, file.readline())
            file.seek(max(file.tell(), file.seek(0, os.SEEK_END) - _END_BYTES))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    except FileNotFoundError as error:
        raise errors.NotFound(f"the run {folder.name} is no longer kept") from error
    except OSError as error:
        raise errors.Malformed(f"cannot read {folder / FILE}: {error.strerror}") from error
    for end in _entries((last,)):
        if isinstance(end, End):
            return _summary(header, end, ENDED, end.counts)
    return read(folder).summary


def _parted(folder: Path) -> tuple[Header, list[bytes]]:
    """The header, and the lines after it that have their end."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError as error:
        raise errors.NotFound(f"the run {folder.name} is no longer kept") from error
    except OSError as error:
        raise errors.Malformed(f"cannot read {folder / FILE}: {error.strerror}") from error
    return _header(folder, lines[0]), lines[1:-1]


def _entries(lines: Iterable[bytes]) -> Iterator[HostLine | End | str]:
    """What the lines say, a host's name where it was begun; what is damaged is left out."""
    for line in lines:
        try:
            if line.startswith(b'{"begun"'):
                yield msgspec.json.decode(line, type=dict[str, str])["begun"]
            elif line.startswith(b'{"end"'):
                yield msgspec.json.decode(line, type=dict[str, End])["end"]
            else:
                yield msgspec.json.decode(line, type=HostLine)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _header(folder: Path, line: bytes) -> Header:
    try:
        return msgspec.json.decode(line, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"{folder / FILE} is damaged; forget it: cockpit fleet runs forget") from error


def _state(header: Header, end: End | None) -> str:
    if end is not None:
        return ENDED
    return RUNNING if process.alive(header.owner) else INTERRUPTED


def _summary(header: Header, end: End | None, state: str, counts: dict[Outcome, int]) -> RunSummary:
    why = end.why if end else ""
    if state == INTERRUPTED:
        why = f"its cockpit (process {header.owner.pid}) ended over it"
    return RunSummary(
        key=header.run,
        command=header.command,
        selection=header.selection,
        who=header.who,
        started_at=header.started_at,
        ended_at=end.at if end else None,
        state=state,
        why=why,
        hosts=len(header.hosts),
        counts=counts,
        kept_bytes=end.kept_bytes if end else None,
    )


def _whole(header: Header, ended: dict[str, HostLine], begun: Iterable[str] | None) -> Iterator[HostLine]:
    """Of every host, in the order of the run; with `begun` also of those that have no line, as what they are."""
    doubtful = set(begun or ())
    for name, address in header.hosts:
        if name in ended:
            yield ended[name]
        elif begun is None:
            continue
        elif name in doubtful:
            why = "cockpit was ended over it: it may have run, or still run"
            yield HostLine(host=name, address=address, outcome=Outcome.UNKNOWN_OUTCOME, why=why)
        else:
            yield HostLine(host=name, address=address, outcome=Outcome.SKIPPED, why="cockpit ended before its turn")


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def end_of(lines: Iterable[HostLine], why: str, kept_bytes: int) -> End:
    """The last line of a run that ends now."""
    return End(at=clock.wall(), why=why, counts=dict(Counter([line.outcome for line in lines])), kept_bytes=kept_bytes)
