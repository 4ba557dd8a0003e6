"""How a command ended on one host. Nothing is guessed: what is not known has an outcome of its own."""

from __future__ import annotations

import enum

from msgspec import Struct

from cockpit.fleet.machine import Machine
from cockpit.tasks.action import State


class Outcome(enum.StrEnum):
    OK = "ok"
    """Exit status 0, and nothing else."""
    NONZERO = "nonzero"
    SIGNAL = "signal"
    TIMEOUT_CONNECT = "timeout_connect"
    TIMEOUT_CMD = "timeout_cmd"
    UNREACHABLE = "unreachable"
    HOSTKEY_UNKNOWN = "hostkey_unknown"
    HOSTKEY_CHANGED = "hostkey_changed"
    """Or revoked."""
    AUTH = "auth"
    """The login was refused, or sudo's password."""
    LOST_BEFORE_EXEC = "lost_before_exec"
    """The connection was lost before the command was sent: it did not run."""
    UNKNOWN_OUTCOME = "unknown_outcome"
    """Lost after the command was sent: it may have run, or still run. Never repeated unless marked idempotent."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Not begun: the run was stopped before it."""

    @property
    def state(self) -> State:
        """As the task manager records it."""
        return _STATES.get(self, State.FAILED)

    @property
    def words(self) -> str:
        """As people read it: "timeout connect"."""
        return self.replace("_", " ")


_STATES = {
    Outcome.OK: State.SUCCEEDED,
    Outcome.TIMEOUT_CMD: State.TIMED_OUT,
    Outcome.UNKNOWN_OUTCOME: State.UNKNOWN,
    Outcome.CANCELLED: State.CANCELLED,
    Outcome.SKIPPED: State.CANCELLED,
}
NOT_RUN = frozenset(
    {
        Outcome.TIMEOUT_CONNECT, Outcome.UNREACHABLE, Outcome.HOSTKEY_UNKNOWN, Outcome.HOSTKEY_CHANGED, Outcome.AUTH,
        Outcome.LOST_BEFORE_EXEC, Outcome.SKIPPED,
    }
)  # fmt: skip
"""The command was certainly not run: a rerun repeats nothing."""
UNREACHED = frozenset({Outcome.TIMEOUT_CONNECT, Outcome.UNREACHABLE, Outcome.LOST_BEFORE_EXEC})
"""Counted apart from failures when a run decides whether to go on."""
FAILURES = frozenset(Outcome) - {Outcome.OK, Outcome.CANCELLED, Outcome.SKIPPED}


class Kill(enum.StrEnum):
    """What came of ending the processes of a command that was timed out or cancelled."""

    NOT_NEEDED = "n/a"
    CONFIRMED = "confirmed"
    """A second look found none left."""
    UNCONFIRMED = "unconfirmed"
    """It may still run; `why` says what is known."""


class Phase(enum.StrEnum):
    """What a host of a run is at."""

    QUEUED = "queued"
    CONNECT = "connect"
    """Name, TCP, host key and login; nothing when the connection is warm."""
    EXEC = "exec"
    """The command is on its way."""
    RUN = "run"
    STOP = "stop"
    """Its processes are being ended."""
    DONE = "done"


class HostResult(Struct, frozen=True, kw_only=True):
    """How one host ended. `outcome` is OK only with exit status 0."""

    machine: Machine
    outcome: Outcome
    exit_code: int | None = None
    signal: str = ""
    """"KILL", without "SIG"."""
    why: str = ""
    """One line; empty when there is nothing to say."""
    kill: Kill = Kill.NOT_NEEDED
    pipe_held: bool = False
    """It ended, but a detached child kept its output open."""
    attempts: int = 1
    duration_seconds: float = 0.0
    """From the start of the first attempt to the end."""
    phases: dict[str, float] = {}
    """Seconds in each Phase that took any."""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    lines: int = 0
    """Line ends of both streams."""
    truncated: bool = False
    """Not all output was kept: head and tail are."""
    stdout_digest: str = ""
    """SHA-256 in hex of all of stdout, kept or not; empty without output."""
    stderr_digest: str = ""
    spill: str = ""
    """The file that stdout went to; empty when nothing was said there."""
    stderr_spill: str = ""

    @property
    def digest(self) -> str:
        """Twelve hex digits that are equal where output is identical; "" without output."""
        return digest_of(self.stdout_digest, self.stderr_digest)


def digest_of(stdout: str, stderr: str) -> str:
    """See HostResult.digest."""
    if not stderr:
        return stdout[:12]
    import hashlib

    return hashlib.sha256(f"{stdout} {stderr}".encode()).hexdigest()[:12]
