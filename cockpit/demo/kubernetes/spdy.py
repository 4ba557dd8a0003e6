"""SPDY/3.1, the server's side, as far as kubectl port-forward speaks it through a websocket.

Messages are pieces of one byte stream, cut anywhere. No flow control: moby/spdystream, the other side, has none either.
After draft-mbelshe-httpbis-spdy-00; streams and their headers as client-go/tools/portforward makes them: for each
connection a stream `error` and a stream `data` with the same `requestid` and `port`.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable

from cockpit.demo.kubernetes.websockets import Channels

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY, HEADERS = 1, 2, 3, 6, 7, 8
FIN = 1
WAITING_MESSAGES = 64

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(word)) + word.replace("_", " ").encode() for word in _WORDS.split(" "))
    + _TEXT.encode()
)
"""What headers are compressed with (section 2.6.10.1 of the draft)."""


class SpdyStream:
    """One direction each way; `read` gives None at the end of the client's."""

    def __init__(self, session: Session, number: int) -> None:
        self._session, self.number = session, number
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_MESSAGES)

    async def take(self, data: bytes | None) -> None:
        """From the client. A full queue makes the whole session wait: there is no other flow control."""
        await self._waiting.put(data)

    async def read(self) -> bytes | None:
        return await self._waiting.get()

    async def write(self, data: bytes) -> None:
        await self._session.send(struct.pack(">II", self.number, len(data)) + data)

    async def end(self) -> None:
        await self._session.send(struct.pack(">II", self.number, FIN << 24))


Serve = Callable[[SpdyStream, SpdyStream, int], Awaitable[None]]
"""(data, error, port): one connection, to its end."""


class Session:
    """All connections of one client."""

    def __init__(self, channels: Channels, serve: Serve) -> None:
        self._channels, self._serve = channels, serve
        self._streams: dict[int, SpdyStream] = {}
        self._errors: dict[str, SpdyStream] = {}
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._serving: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client is gone."""
        held = bytearray()
        try:
            async for message in self._channels.messages():
                held += message
                while len(held) >= 8:
                    size = 8 + int.from_bytes(held[5:8], "big")
                    if len(held) < size:
                        break
                    frame = bytes(held[:size])
                    del held[:size]
                    await self._frame(frame)
        finally:
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def send(self, frame: bytes) -> None:
        await self._channels.raw(frame)

    async def _frame(self, frame: bytes) -> None:
        first, flags, body = int.from_bytes(frame[:4], "big"), frame[4], frame[8:]
        if not first >> 31:
            stream = self._streams.get(first)
            if stream is not None:
                if body:
                    await stream.take(body)
                if flags & FIN:
                    await stream.take(None)
            return
        match first & 0xFFFF:
            case 1:
                number = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
                await self._begin(number, self._headers(body[10:]), ended=bool(flags & FIN))
            case 3:
                stream = self._streams.pop(int.from_bytes(body[:4], "big"), None)
                if stream is not None:
                    await stream.take(None)
            case 6:
                await self.send(frame)  # the same number back
            case 8:
                self._headers(body[4:])  # keeps the compression in step

    async def _begin(self, number: int, headers: dict[str, str], *, ended: bool) -> None:
        stream = self._streams[number] = SpdyStream(self, number)
        names = self._deflate.compress(struct.pack(">I", 0)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        reply = struct.pack(">HHII", 0x8003, SYN_REPLY, 4 + len(names), number) + names
        await self.send(reply)
        request = headers.get("requestid", "")
        if headers.get("streamtype") == "error":
            self._errors[request] = stream
        elif (error := self._errors.pop(request, None)) is not None:
            task = asyncio.create_task(self._connection(stream, error, int(headers.get("port", "0"))))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        if ended:
            await stream.take(None)

    async def _connection(self, data: SpdyStream, error: SpdyStream, port: int) -> None:
        try:
            await self._serve(data, error, port)
        except ConnectionError:
            pass  # the client is gone
        finally:
            for stream in (data, error):
                self._streams.pop(stream.number, None)

    def _headers(self, block: bytes) -> dict[str, str]:
        plain = self._inflate.decompress(block)
        count, at = int.from_bytes(plain[:4], "big"), 4
        words: list[str] = []
        for _ in range(2 * count):
            size = int.from_bytes(plain[at : at + 4], "big")
            words.append(plain[at + 4 : at + 4 + size].decode("latin-1"))
            at += 4 + size
        return dict(zip(words[::2], words[1::2], strict=True))
