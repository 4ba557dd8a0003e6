"""One forwarded connection: a local socket and the channels of a pod's port, joined."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cockpit.model import errors
from cockpit.pods.api.websocket import Channels

READ_BYTES = 64 * 1024
HALF_CLOSED_SECONDS = 10.0
"""Quiet time after the local side has ended its half: the pod cannot be told of that, so it must end by itself."""
DATA, ERROR = 0, 1
PORT_BYTES = 2
"""The first message of each channel is its port (kubelet, pkg/kubelet/server/portforward/websocket.go)."""


@dataclass(slots=True)
class Account:
    """Of all connections of a task."""

    open: int = 0
    total: int = 0
    bytes_in: int = 0
    """To the pod."""
    bytes_out: int = 0


@dataclass(slots=True)
class _Heard:
    messages: int = 0


async def join(streams: Channels, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, account: Account) -> None:
    """Until one side has ended; each waits for the other's room. Raises `model.errors` and ConnectionError."""
    heard = _Heard()
    up = asyncio.create_task(_up(streams, reader, account), name="forward:up")
    down = asyncio.create_task(_down(streams, writer, account, heard), name="forward:down")
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        if up.done() and isinstance(up.exception(), ConnectionError):
            up.result()
        # A pod that takes no more may still say much, and is right to end as it likes.
        seen = -1
        while not down.done() and seen != heard.messages:
            seen = heard.messages
            await asyncio.wait((down,), timeout=HALF_CLOSED_SECONDS)
        (down if down.done() else up).result()
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(streams: Channels, reader: asyncio.StreamReader, account: Account) -> None:
    while data := await reader.read(READ_BYTES):
        await streams.send(DATA, data)
        account.bytes_in += len(data)


async def _down(streams: Channels, writer: asyncio.StreamWriter, account: Account, heard: _Heard) -> None:
    """Raises errors.Refused with what the error channel says."""
    skip = {DATA: PORT_BYTES, ERROR: PORT_BYTES}
    while (got := await streams.receive()) is not None:
        heard.messages += 1
        channel, data = got
        data, skip[channel] = data[skip.get(channel, 0) :], max(0, skip.get(channel, 0) - len(data))
        if channel == ERROR and data:
            raise errors.Refused(" ".join(data.decode(errors="replace").split())[:300])
        if channel == DATA and data:
            writer.write(data)
            await writer.drain()
            account.bytes_out += len(data)
