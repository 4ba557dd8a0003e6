"""A run of a pipeline, whatever the CI server."""

from __future__ import annotations

from msgspec import Struct


class Run(Struct, frozen=True, gc=False, kw_only=True):
    """Times are Unix seconds. Words that cockpit does not know (phase, result, event) are kept as they came."""

    source: str
    id: str
    repository: str
    name: str
    number: int
    ref: str
    """A branch by its short name, anything else in full (refs/tags/v1)."""
    sha: str
    """Whole; empty until it is known."""
    phase: str
    """queued, blocked, running, cancelling, finished, or what the server says."""
    result: str | None
    """None until the run has ended: success, failed, errored, timed_out, cancelled ..."""
    reason: str
    event: str
    actor: str
    attempt: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    url: str
    production: bool = False
    read_only: bool = False

    @property
    def key(self) -> str:
        return f"{self.source}/{self.id}"

    @property
    def title(self) -> str:
        """As people call it: "acme/shop #12"."""
        return f"{self.repository} #{self.number}"

    @property
    def finished(self) -> bool:
        return self.result is not None

    def duration_seconds(self, now: float) -> float | None:
        """How long it ran, or has been running; None when it has not started."""
        if self.started_at is None:
            return None
        return max(0.0, (self.finished_at or now) - self.started_at)
