"""`pods/NAME/portforward`: bytes to and from the ports of a pod, in both ways that an API server serves.

- `v4.channel.k8s.io`: a pair of channels a port of the query, data 2n and error 2n+1; the first message of each is its
  port, 16 bits, least first (kubelet, pkg/kubelet/server/portforward/websocket.go). One connection a port.
- `SPDY/3.1+portforward.k8s.io`: what kubectl asks for since 1.31; see spdy.py.

Behind each port of a pod listens a small HTTP server on loopback, made when it is first asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.refusals import bad_request
from cockpit.demo.kubernetes.spdy import Session, SpdyStream
from cockpit.demo.kubernetes.websockets import PIECE_BYTES, V4, Channels, upgraded

TUNNEL = "SPDY/3.1+portforward.k8s.io"
REFUSED_PORT = 1
"""Nothing listens there in any pod, so that a refused connection can be shown."""


class Ports:
    """The listeners of all pods: loopback sockets that answer HTTP with the name of their pod, and echo a body."""

    def __init__(self) -> None:
        self._servers: dict[tuple[str, int], asyncio.Server] = {}
        self._answering: set[asyncio.StreamWriter] = set()
        self._opening = asyncio.Lock()

    async def connect(self, pod: Object, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises ConnectionRefusedError."""
        if port == REFUSED_PORT:
            raise ConnectionRefusedError
        key = (pod["metadata"]["uid"], port)
        async with self._opening:
            if key not in self._servers:
                name = pod["metadata"]["name"]

                async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    self._answering.add(writer)
                    try:
                        with contextlib.suppress(ConnectionError, EOFError, asyncio.LimitOverrunError):
                            await _answer(reader, writer, name, port)
                    finally:
                        self._answering.discard(writer)
                        writer.close()

                self._servers[key] = await asyncio.start_server(answer, "127.0.0.1", 0)
        return await asyncio.open_connection(*self._servers[key].sockets[0].getsockname()[:2])

    def forget(self, uid: str) -> None:
        for key in [key for key in self._servers if key[0] == uid]:
            self._servers.pop(key).close()

    def close(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        for writer in self._answering:
            writer.transport.abort()
            writer.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str, port: int) -> None:
    """Requests on one connection: a body with a length comes back, GET /bytes/N gives N bytes, else its name."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {key.lower(): value.strip() for key, _, value in (f.partition(":") for f in fields)}
        length = int(headers.get("content-length", "0"))
        path = line.split(" ")[1]
        said = f"{name} port {port}\n".encode()
        size = int(path.removeprefix("/bytes/")) if path.startswith("/bytes/") else length or len(said)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nX-Pod: {name}\r\n\r\n".encode())
        if path.startswith("/bytes/"):
            block = bytes(range(256)) * 256
            while size > 0:
                writer.write(block[:size])
                size -= len(block)
                await writer.drain()
        elif length:
            while length > 0:
                data = await reader.read(min(length, PIECE_BYTES))
                if not data:
                    return
                length -= len(data)
                writer.write(data)
                await writer.drain()
        else:
            writer.write(said)
        await writer.drain()


def check_running(pod: Object) -> None:
    """Raises Refusal."""
    phase = dig(pod, "status.phase")
    if phase != "Running":
        raise bad_request(f"unable to forward port because pod is not running. Current status={phase}")


async def serve_forward(
    request: web.Request, pod: Object, ports: Ports, live: set[Channels], gone: asyncio.Task[None]
) -> web.StreamResponse:
    """Until the client is gone, or the pod (`gone`). `live` holds the connection meanwhile."""
    numbers = _ports(request) if TUNNEL not in request.headers.get("Sec-WebSocket-Protocol", "") else []
    response, channels = await upgraded(request, (TUNNEL, V4))
    live.add(channels)
    try:
        if channels.protocol == TUNNEL:
            work = Session(channels, lambda data, error, port: _stream(pod, ports, data, error, port)).run()
        else:
            work = _plain(channels, pod, ports, numbers)
        serving = asyncio.create_task(work)
        try:
            await asyncio.wait((serving, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    except ConnectionError:
        pass  # the client is gone
    finally:
        live.discard(channels)
        await channels.close()
    return response


def _ports(request: web.Request) -> list[int]:
    words = [word for text in request.query.getall("ports", []) for word in text.split(",")]
    if not words:
        raise bad_request('query parameter "ports" is required')
    try:
        return [int(word) for word in words]
    except ValueError:
        raise bad_request(f'unable to parse "{words[0]}" as a port') from None


async def _plain(channels: Channels, pod: Object, ports: Ports, numbers: list[int]) -> None:
    """Each port is one connection; its channels have no end but that of the websocket."""
    to: dict[int, asyncio.StreamWriter] = {}
    reading: list[asyncio.Task[None]] = []
    for place, port in enumerate(numbers):
        for channel in (2 * place, 2 * place + 1):
            await channels.send(channel, port.to_bytes(2, "little"))
        try:
            reader, to[2 * place] = await ports.connect(pod, port)
        except OSError as error:
            await channels.send(2 * place + 1, _why(pod, port, error).encode())
            continue
        reading.append(asyncio.create_task(_read(reader, partial(channels.send, 2 * place))))
    feeding = asyncio.create_task(_feed(channels, to))
    try:
        if reading:
            every = asyncio.ensure_future(asyncio.wait(reading))
            await asyncio.wait((feeding, every), return_when=asyncio.FIRST_COMPLETED)
            every.cancel()
    finally:
        for task in (feeding, *reading):
            task.cancel()
        for writer in to.values():
            writer.close()
        await asyncio.gather(feeding, *reading, return_exceptions=True)


async def _feed(channels: Channels, to: dict[int, asyncio.StreamWriter]) -> None:
    async for channel, data in channels.received():
        writer = to.get(channel)
        if writer is not None and data:
            writer.write(data)
            await writer.drain()


async def _stream(pod: Object, ports: Ports, data: SpdyStream, error: SpdyStream, port: int) -> None:
    """One connection of the tunnel."""
    try:
        reader, writer = await ports.connect(pod, port)
    except OSError as refused:
        await error.write(_why(pod, port, refused).encode())
        await error.end()
        await data.end()
        return

    async def up() -> None:
        while (block := await data.read()) is not None:
            writer.write(block)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    feeding = asyncio.create_task(up())
    try:
        await _read(reader, data.write)
        await data.end()
        await error.end()
    finally:
        feeding.cancel()
        writer.close()
        await asyncio.gather(feeding, return_exceptions=True)


async def _read(reader: asyncio.StreamReader, send: Callable[[bytes], Awaitable[None]]) -> None:
    with contextlib.suppress(ConnectionError):
        while block := await reader.read(PIECE_BYTES):
            await send(block)


def _why(pod: Object, port: int, error: OSError) -> str:
    """As containerd words it."""
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    return (
        f"error forwarding port {port} to pod {name}, uid {uid}: failed to execute portforward in network namespace: "
        f"failed to connect to localhost:{port} inside namespace: dial tcp4 127.0.0.1:{port}: connect: "
        f"{(error.strerror or 'connection refused').lower()}"
    )
