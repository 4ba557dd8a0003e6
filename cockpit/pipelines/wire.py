"""What `cockpit serve` says on the wire under `/api/v1`, defined once for both ends. JSON; times are RFC 3339 in UTC.

A reader ignores fields that it does not know and takes words that it does not know as they are: `phase`, `result`
and `event` are text here, not enumerations.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import DecodeError, Struct

IDEMPOTENCY_KEY = "Idempotency-Key"
NEXT_OFFSET = "X-Next-Offset"
LOG_FINAL = "X-Log-Final"
"""Header of the log: "true" when no byte will follow `X-Next-Offset`."""


UNREADABLE = (DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes from outside: text that is not UTF-8 and deep nesting are no DecodeErrors."""


class RunInfo(Struct, frozen=True, gc=False, kw_only=True):
    """A run as listed. `attempt` is the newest; times and `reason` are that attempt's.

    Phases: queued, running, cancelling, finished. Results: success, failed (the script's fault), errored (ours or the
    machine's), timed_out, cancelled.
    """

    id: int
    repository: str
    number: int
    """Counts within the repository, from 1."""
    name: str
    """The commit's subject; empty until it is known."""
    ref: str
    """Full: refs/heads/main."""
    sha: str
    """Whole; empty until the run has started when only a ref was asked for."""
    event: str
    actor: str
    phase: str
    result: str | None
    reason: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class StepInfo(Struct, frozen=True, kw_only=True):
    number: int
    name: str
    phase: str
    result: str | None
    reason: str
    started_at: datetime | None
    finished_at: datetime | None
    log_offset: int | None
    """Where the step begins in the attempt's log, in bytes."""


class AttemptInfo(Struct, frozen=True, kw_only=True):
    attempt: int
    phase: str
    result: str | None
    reason: str
    started_at: datetime | None
    finished_at: datetime | None
    steps: tuple[StepInfo, ...]


class RunDetail(Struct, frozen=True, kw_only=True):
    run: RunInfo
    attempts: tuple[AttemptInfo, ...]


class RunList(Struct, frozen=True, kw_only=True):
    """Runs, newest first when listed, in order of change when waited for."""

    epoch: str
    """Names the server's database: with another one, nothing that was known before counts."""
    last: int
    """Everything up to this change is in here: pass it as `after`."""
    runs: tuple[RunInfo, ...]


class RepositoryInfo(Struct, frozen=True, kw_only=True):
    name: str
    branch: str


class RepositoryList(Struct, frozen=True, kw_only=True):
    repositories: tuple[RepositoryInfo, ...]


class TriggerRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    repository: str
    ref: str = ""
    """A branch, or a full ref. Empty: the repository's configured branch."""
    sha: str = ""
    """Empty: what the ref points at when the run starts."""
    actor: str = ""
    """Who asks, for people to read."""


class AttemptRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cancel or rerun. `attempt` is the one that the user saw: another one is refused with 409. 0: whichever."""

    attempt: int = 0
    actor: str = ""


class Taken(Struct, frozen=True, kw_only=True):
    """A run that was asked for. `existing`: this request had been taken before."""

    run: RunInfo
    existing: bool = False


class Failure(Struct, frozen=True, kw_only=True):
    """The body of every answer from 400 on."""

    error: str
