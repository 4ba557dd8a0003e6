"""What a service can do to us, as one tree. Adapters raise only these; feeds, tasks and the command line catch them.

SourceError
├── Unreachable          no answer, or the connection was cut: coming back later may help
├── Denied               credentials or host key refused: retrying alone will not help
├── NotFound             the thing that was named is not there (any more)
├── RateLimited          told to slow down; `retry_after_seconds` says for how long
├── Refused              the service understood and said no (a conflict, an invalid request)
├── Malformed            an answer that we cannot read
└── UnknownOutcome       an effect was sent and its result never came: never retried, always shown

The message is one line for the user: what happened and what to do next ("token expired; run: gh auth login").
It never holds a secret.
"""

from __future__ import annotations


class SourceError(Exception):
    """Base of the tree. `str(error)` is the line that the user reads."""


class Unreachable(SourceError):
    """No answer within the time-out, or the connection was cut."""


class Denied(SourceError):
    """401, 403, a refused or changed host key, a missing token."""


class NotFound(SourceError):
    """404, or the precondition's object has gone (another uid under the same name)."""


class RateLimited(SourceError):
    """429 or its like. `retry_after_seconds` counts from now."""

    def __init__(self, message: str, *, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Refused(SourceError):
    """The service understood the request and said no."""


class Malformed(SourceError):
    """The answer is not what the protocol promises."""


class UnknownOutcome(SourceError):
    """The effect may or may not have happened. Never retried."""
