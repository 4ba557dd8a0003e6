"""The channel protocols of kubectl exec and port-forward over websockets: the first byte of a message is its channel.

After apimachinery/pkg/util/remotecommand/constants.go: v5 adds a message of the byte 255 and a channel, which closes
that channel; v4 and older have no such thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp
from aiohttp import web

from cockpit.demo.kubernetes.refusals import bad_request

V4, V5 = "v4.channel.k8s.io", "v5.channel.k8s.io"
CLOSE = 255
PIECE_BYTES = 32 * 1024
HEARTBEAT_SECONDS = 20.0


class Channels:
    """One websocket that carries several streams."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self._socket, self._request = socket, request
        self._sending = asyncio.Lock()

    @property
    def protocol(self) -> str:
        return self._socket.ws_protocol or ""

    async def send(self, channel: int, data: bytes) -> None:
        """Raises ConnectionError when the client is gone."""
        async with self._sending:
            for start in range(0, max(1, len(data)), PIECE_BYTES):
                await self._socket.send_bytes(bytes((channel,)) + data[start : start + PIECE_BYTES])

    async def raw(self, data: bytes) -> None:
        async with self._sending:
            await self._socket.send_bytes(data)

    async def messages(self) -> AsyncIterator[bytes]:
        """Until the client closes or is gone."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.BINARY and message.data:
                yield message.data

    async def received(self) -> AsyncIterator[tuple[int, bytes | None]]:
        """(channel, data), None for the end of a channel."""
        async for data in self.messages():
            if data[0] == CLOSE and self.protocol == V5:
                yield data[1], None
            else:
                yield data[0], data[1:]

    async def close(self) -> None:
        await self._socket.close()

    def abort(self) -> None:
        """As a cut cable: without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()


async def upgraded(request: web.Request, protocols: Sequence[str]) -> tuple[web.WebSocketResponse, Channels]:
    """Raises Refusal where the client speaks none of the protocols, as kubectl before 1.30 does not."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise bad_request("Upgrade request required")
    offered = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if not set(protocols).intersection(offered):
        raise bad_request(f"unable to upgrade: none of the protocols {offered} is served here: {list(protocols)}")
    socket = web.WebSocketResponse(protocols=protocols, heartbeat=HEARTBEAT_SECONDS, max_msg_size=2**24)
    await socket.prepare(request)
    return socket, Channels(socket, request)
