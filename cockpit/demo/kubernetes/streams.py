"""Answers that go on: watches and followed logs, with the faults that may strike them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from cockpit.demo.kubernetes.faults import Fault

PIECE = 48  # bytes at a time when a fault makes the link slow


class _Over(Exception):
    """The answer ends here."""


class Stream:
    """One streaming answer. `produce` writes to it until it is done, its time is up, or the stream is dropped."""

    def __init__(self, request: web.Request, verb: str, content_type: str, fault: Fault | None) -> None:
        self.verb = verb
        self._request = request
        self._fault = fault
        self._task: asyncio.Task[None] | None = None
        self._reset = False
        self._frozen = False
        self._response = web.StreamResponse(
            headers={"Content-Type": content_type, "Cache-Control": "no-cache, private"}
        )

    def drop(self, *, reset: bool) -> None:
        """End it now: properly, or by a reset of the connection."""
        self._reset = reset
        if self._task is not None:
            self._task.cancel()

    def freeze(self) -> None:
        """Say nothing from now on, and do not end: what a client sees whose peer has vanished."""
        self._frozen = True

    async def write(self, data: bytes) -> None:
        if self._frozen:
            await asyncio.Event().wait()
        fault = self._fault
        if fault is None:
            await self._response.write(data)
        elif fault.kind == "silent":
            self._frozen = True
            await self._response.write(data)
        elif fault.kind == "duplicate":
            self._fault = None
            await self._response.write(data + data)
        elif fault.kind == "slow":
            for start in range(0, len(data), PIECE):
                await self._response.write(data[start : start + PIECE])
                await asyncio.sleep(fault.seconds)
        elif fault.kind == "garbage":
            self._fault = None
            await self._response.write(b"}this is no JSON{\n" + data)
        else:
            line = data.partition(b"\n")[0]
            await self._response.write(line[: max(1, len(line) // 2)])
            self._reset = fault.kind == "cut"
            raise _Over

    async def run(self, produce: Callable[[Stream], Awaitable[None]], seconds: float | None) -> web.StreamResponse:
        await self._response.prepare(self._request)
        # The head goes out at once: a client of a quiet watch must see that it is connected.
        await self._response.write(b"")
        self._task = asyncio.ensure_future(self._produce(produce, seconds))
        try:
            await asyncio.wait((self._task,))
        finally:
            self._task.cancel()
        if not self._task.cancelled() and (problem := self._task.exception()) is not None:
            if isinstance(problem, ConnectionError):
                return self._response
            raise problem
        if self._reset and self._request.transport is not None:
            self._request.transport.abort()
        else:
            with contextlib.suppress(ConnectionError):
                await self._response.write_eof()
        return self._response

    async def _produce(self, produce: Callable[[Stream], Awaitable[None]], seconds: float | None) -> None:
        with contextlib.suppress(_Over, TimeoutError):
            async with asyncio.timeout(seconds):
                if self._fault is not None and self._fault.kind == "hang":
                    await asyncio.Event().wait()
                await produce(self)
