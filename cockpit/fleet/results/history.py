"""The runs of this user, kept: a folder a run, with a line a host as it ends, and the output beside it.

A record is JSON lines: a header, `{"begun": host}` before a command is sent, a HostLine as the host ends, and an end.
A kill -9 tears at most the last line. A record without its end is of a run that goes on, or that was interrupted: hosts
that were begun and have no line are then of unknown outcome, the others were skipped.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import UNSET, Struct, UnsetType

from cockpit.fleet.results.outcome import HostResult, Kill, Outcome, digest_of


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
    """Not all output was kept."""
    spill: str | None = None
    """The file of stdout; of stderr it is the same with `.err` for `.out`. None without output."""
    kill: Kill = Kill.NOT_NEEDED
    duration_seconds: float = 0.0
    why: str = ""
    attempts: int = 1
    pipe_held: bool = False
    phases: dict[str, float] = {}
    """Seconds in each Phase that took any."""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    lines: int = 0
    stdout_digest: str = ""
    stderr_digest: str = ""

    @property
    def digest(self) -> str:
        """See HostResult.digest."""
        return digest_of(self.stdout_digest, self.stderr_digest)


def line_of(result: HostResult) -> HostLine:
    raise NotImplementedError


class RunSummary(Struct, frozen=True, kw_only=True):
    """One run in a list."""

    key: str
    """The run's id: the task's id."""
    command: str
    selection: str
    started_at: float
    """Unix seconds."""
    ended_at: float | None
    state: str
    """"running", "ended", or "interrupted": its cockpit died over it."""
    why: str
    """Why it stopped before all hosts had their turn."""
    hosts: int
    counts: dict[Outcome, int]


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
    """In the order of the run; of a run that goes on only those that have ended."""
    folder: Path


class History:
    """All of it blocks: call it in a thread. Raises errors.NotFound and errors.Malformed."""

    def __init__(self, folder: Path) -> None:
        """`folder` is state_dir()/fleet/runs."""
        self.folder = folder

    def runs(self) -> list[RunSummary]:
        """Newest first."""
        raise NotImplementedError

    def read(self, run_id: str) -> RunRecord:
        """`run_id` may be the start of one, or "last"."""
        raise NotImplementedError

    def last(self) -> RunRecord | None:
        """The newest run."""
        raise NotImplementedError
