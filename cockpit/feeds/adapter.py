"""The seam to a service: what a feed needs of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from cockpit.model.changes import Change, T


class Adapter(Protocol[T]):
    """One configured source. Building one does no I/O and imports no client library; `watch` does, off the loop."""

    @property
    def name(self) -> str:
        """As configured; unique in its feed, and the source column."""

    @property
    def silence(self) -> float | None:
        """The longest quiet time of a healthy stream in seconds (None: no bound). After it the source is stale."""

    def watch(self) -> AsyncIterator[Change[T]]:
        """`Reset` first, then changes, and `Confirm` whenever it looked and nothing had changed. An async generator.

        Ending, or raising one of `model.errors`, means: come back later. Closing it ends all its requests.
        """
