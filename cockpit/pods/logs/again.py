"""Failures that may pass are waited out while somebody follows."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cockpit.model import errors

X = TypeVar("X")

PASSING = (errors.Unreachable, errors.RateLimited, errors.Malformed)
"""A page of a proxy in between is Malformed."""
AGAIN_SECONDS = (0.5, 30.0)


def pause(error: errors.SourceError | None, attempt: int, seconds: tuple[float, float] | None = None) -> float:
    """Seconds before attempt number `attempt + 1`; what the server says goes first."""
    if isinstance(error, errors.RateLimited):
        return error.retry_after_seconds
    first, most = seconds or AGAIN_SECONDS
    return random.uniform(0.5, 1.0) * min(most, first * 2.0 ** min(attempt - 1, 16))


async def insist(ask: Callable[[], Awaitable[X]], say: Callable[[str], None], *, follow: bool) -> X:
    """The answer, however long that takes; each reason is said once.

    Raises at once what will not pass, and all of `model.errors` without `follow`.
    """
    attempt, told = 0, ""
    while True:
        try:
            return await ask()
        except PASSING as error:
            if not follow:
                raise
            attempt += 1
            if str(error) != told:
                told = str(error)
                say(told)
            await asyncio.sleep(pause(error, attempt))
