"""Several streams in one websocket, as exec, attach and port-forward have them: the first byte is the channel.

apimachinery/pkg/util/remotecommand/constants.go names the protocols. v5 (servers from 1.30 on) adds a message of the
byte 255 and a channel, which ends that channel; with v4 the end of stdin cannot be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from cockpit.model import errors
from cockpit.pods.api.connection import Connection

if TYPE_CHECKING:
    import aiohttp

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
END = 255
PIECE_BYTES = 64 * 1024
ENDED_WELL = (None, 0, 1000, 1001, 1005)
"""RFC 6455, 7.4.1; aiohttp gives 0 for a close without a code, 1006 for an end without a close."""
PING_SECONDS = 15.0
"""What stands in between takes a quiet connection for a dead one. A dead one itself is noticed by its TCP socket."""


class Channels:
    """Reading waits for the other side, and writing for its room: nothing is kept here."""

    def __init__(self, connection: Connection, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._connection, self._socket = connection, socket

    @property
    def protocol(self) -> str:
        return self._socket.protocol or ""

    @property
    def can_end(self) -> bool:
        """Whether `end` is understood."""
        return self.protocol == V5

    async def send(self, channel: int, data: bytes) -> None:
        """Returns when there is room for more. Raises errors.Unreachable."""
        with self._connection.translated():
            for start in range(0, len(data), PIECE_BYTES):
                await self._socket.send_bytes(bytes((channel,)) + data[start : start + PIECE_BYTES])

    async def end(self, channel: int) -> None:
        """No more will come on it. Raises errors.Unreachable."""
        with self._connection.translated():
            await self._socket.send_bytes(bytes((END, channel)))

    async def receive(self) -> tuple[int, bytes] | None:
        """(channel, data), None when the server has closed. Raises errors.Unreachable and Malformed."""
        from aiohttp import WSMsgType

        while True:
            with self._connection.translated():
                message = await self._socket.receive()
            match message.type:
                case WSMsgType.BINARY:
                    data: bytes = message.data
                    if data[:1] == bytes((END,)) and self.can_end:
                        continue  # that stream is over; what matters is the end of the whole
                    if len(data) > 1:
                        return data[0], data[1:]
                case WSMsgType.CLOSE if message.data not in ENDED_WELL:
                    raise errors.Unreachable(f"the server closed the connection: {message.data} {message.extra}")
                case WSMsgType.CLOSED if self._socket.close_code not in ENDED_WELL:
                    raise errors.Unreachable("the connection was cut")
                case WSMsgType.CLOSE | WSMsgType.CLOSING | WSMsgType.CLOSED:
                    return None
                case WSMsgType.ERROR:
                    raise errors.Unreachable(f"the connection was cut: {message.data}")
                case _:
                    raise errors.Malformed("the server sent text where streams were promised")


@asynccontextmanager
async def channels(
    connection: Connection, path: str, query: Sequence[tuple[str, str]], protocols: Sequence[str]
) -> AsyncIterator[Channels]:
    """Open while the block runs. Raises `model.errors`; nothing has happened there then."""
    async with connection.websocket(path, query, protocols) as socket:
        if socket.protocol not in protocols:
            raise errors.Refused(f"the server speaks none of {', '.join(protocols)}")
        pinging = asyncio.create_task(_ping(socket), name="websocket:ping")
        try:
            yield Channels(connection, socket)
        finally:
            pinging.cancel()
            with suppress(asyncio.CancelledError):
                await pinging


async def _ping(socket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(ConnectionError, RuntimeError):
        while True:
            await asyncio.sleep(PING_SECONDS)
            await socket.ping()
