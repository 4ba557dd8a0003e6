"""Several streams as one, with back-pressure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")

QUEUED = 64
"""Values that wait for the reader; then the streams wait."""


@dataclass(frozen=True, slots=True)
class _Value(Generic[V]):
    number: int
    value: V


@dataclass(frozen=True, slots=True)
class _End:
    failure: Exception | None


async def merged(streams: Sequence[AsyncGenerator[V, None]]) -> AsyncGenerator[tuple[int, V], None]:
    """(number of the stream, value) as they come; ends when all have ended, or with the error of the first that fails.

    Not a TaskGroup: a generator that is closed inside one raises a group instead of ending.
    """
    queue: asyncio.Queue[_Value[V] | _End] = asyncio.Queue(QUEUED)

    async def pump(number: int, stream: AsyncGenerator[V, None]) -> None:
        failure: Exception | None = None
        try:
            async with aclosing(stream):
                async for value in stream:
                    await queue.put(_Value(number, value))
        except Exception as error:  # handed to the reader, who raises it
            failure = error
        await queue.put(_End(failure))

    tasks = [asyncio.create_task(pump(number, stream)) for number, stream in enumerate(streams)]
    left = len(tasks)
    try:
        while left:
            match await queue.get():
                case _Value(number=number, value=value):
                    yield number, value
                case _End(failure=None):
                    left -= 1
                case _End(failure=failure):
                    assert failure is not None
                    raise failure
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
