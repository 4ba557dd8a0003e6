"""What can be done to items, and what one such deed needs to be asked, run, locked and recorded."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from msgspec import Struct

from cockpit.model.changes import T
from cockpit.tasks.terminal import Lend


class Risk(enum.StrEnum):
    SAFE = "safe"
    DISRUPTIVE = "disruptive"
    """Interrupts work that comes back by itself: a restarted pod, a cancelled run."""
    DESTRUCTIVE = "destructive"
    """What it removes does not come back by itself."""


class State(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"
    """The effect is in doubt; never retried."""
    INTERRUPTED = "interrupted"
    """Its process died while it ran; the outcome on the other side is unknown."""


FINAL = frozenset(State) - {State.QUEUED, State.RUNNING}


class Target(Struct, frozen=True):
    """What a job touches, frozen when the user confirms."""

    key: str
    """Unique over all panes, for locks and the journal: "pods/prod/<uid>", "fleet/web1"."""
    name: str
    """As the user knows it: "shop/web-7d9f", "web1". Typed to confirm when it is in production."""
    production: bool = False
    read_only: bool = False


class Retry(Struct, frozen=True):
    """Which errors are worth another attempt. `UnknownOutcome` never is, whatever stands here."""

    errors: tuple[type[Exception], ...] = ()
    attempts: int = 1
    first_seconds: float = 0.5
    most_seconds: float = 15.0


class Progress(Protocol):
    """What a running job may say. None of it blocks; `drained` is the back-pressure."""

    @property
    def id(self) -> str:
        """The task's id: what a domain keeps of the run goes by the same name."""

    @property
    def lend(self) -> Lend | None:
        """The way to the person's terminal; None: nobody sits there."""

    def say(self, line: str, *, target: str = "") -> None:
        """One line of output; `target` is the name of the target it belongs to."""

    def write(self, data: bytes, *, target: str = "") -> None:
        """Raw output of a target, in any encoding, cut anywhere."""

    def step(self, done: int, total: int) -> None: ...

    def outcome(self, target: str, state: State, why: str = "") -> None:
        """How one target of a batch ended, by name or by key. A target without one takes the state of the task."""

    async def drained(self) -> None:
        """Wait until the output written so far is on disk: call it between large writes."""


def _nothing(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Job:
    """One action bound to its targets: everything that is needed to ask, run, lock and record it."""

    action: str
    """The action's id: "pods.restart"."""
    sentence: str
    """What it does, to what, where: "Restart pod shop/web-7d9f in prod". Asked, shown and recorded. No secrets."""
    targets: tuple[Target, ...]
    run: Callable[[Progress], Awaitable[None]]
    """Returns when the effect is done and observed. Raises `model.errors`. When cancelled it stops the remote work
    and then lets CancelledError through; if it could not stop it, it raises CancelUnconfirmed."""
    risk: Risk = Risk.SAFE
    lane: str = "default"
    timeout_seconds: float | None = 60.0
    stop_seconds: float = 5.0
    """How long the run may take to stop its remote work after a cancel."""
    exclusive: frozenset[str] = frozenset()
    """Lock keys; usually the targets' keys."""
    shared: frozenset[str] = frozenset()
    retry: Retry = field(default_factory=Retry)
    preview: tuple[str, ...] = ()
    """What a dry-run prints: the exact effects, a line each."""
    live: object = None
    """The domain's own view of the run while it goes on; a screen that knows its type shows it instead of lines."""


class CancelUnconfirmed(Exception):
    """The cancel could not be delivered, or its effect not confirmed: the remote work may go on."""


class Input(Struct, frozen=True):
    """Something to type before an action: a command, a branch, a number of replicas."""

    id: str
    title: str
    default: str = ""
    hint: str = ""
    required: bool = True
    secret: bool = False
    """A password: masked, taken to the letter, and never part of a sentence or a preview."""


@dataclass(frozen=True, slots=True)
class Action(Generic[T]):
    """A deed of a domain. Keys, palette, `:` mode and the command line read one catalogue of these."""

    id: str
    """"pods.restart": the binding id, the palette's entry, the word after `:`."""
    title: str
    key: str
    risk: Risk
    bind: Callable[[Sequence[T], Mapping[str, str]], Job]
    """Freezes the targets and their preconditions. (items, inputs by id) -> Job. Raises `errors.Refused` with the
    reason when an input makes no sense."""
    disabled: Callable[[Sequence[T]], str | None] = _nothing
    """Why it cannot be done to these items, or None: greyed with the reason, never tried and failed."""
    inputs: tuple[Input, ...] = ()
    many: bool = True
    """May act on several marked items at once."""
    needs_items: bool = True
    """False: belongs to the pane, not to a row (a batch command typed with its own pattern)."""
