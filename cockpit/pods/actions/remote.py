"""A command in a container: its streams, its terminal's size, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from msgspec import Struct

from cockpit.model import errors
from cockpit.pods.api.connection import Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.websocket import V4, V5, Channels, channels
from cockpit.pods.api.wire import Wire
from cockpit.tasks.terminal import Terminal

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)


class Cause(Wire, frozen=True):
    reason: str = ""
    message: str = ""


class Details(Wire, frozen=True):
    causes: tuple[Cause, ...] | None = None


class Outcome(Wire, frozen=True):
    """The Status on the error channel."""

    status: str = ""
    reason: str = ""
    message: str = ""
    details: Details | None = None


class Chunk(Struct, frozen=True):
    """Output in any encoding, cut anywhere."""

    data: bytes
    stderr: bool = False


class Ended(Struct, frozen=True):
    """`code` None: what became of the command is not known, and `why` says so."""

    code: int | None = None
    why: str = ""

    @property
    def said(self) -> str:
        return f"ended with {self.code}" if self.code is not None else self.why


class Remote:
    """One running command. It ends with its connection: on a terminal surely, else when it notices."""

    def __init__(self, streams: Channels) -> None:
        self._streams = streams
        self._size: Terminal | None = None
        self._resized = asyncio.Event()
        self.ended: Ended | None = None

    @property
    def can_end_input(self) -> bool:
        return self._streams.can_end

    async def read(self) -> Chunk | None:
        """None at the end: `ended` says of what."""
        while self.ended is None or self.ended.code is not None:
            try:
                got = await self._streams.receive()
            except errors.SourceError as error:
                self._end(Ended(why=str(error)))
                return None
            if got is None:
                self._end(Ended(why="the connection was closed before the command had ended"))
                return None
            channel, data = got
            if channel in (STDOUT, STDERR):
                return Chunk(data, channel == STDERR)
            if channel == ERROR:
                self._end(_ended(data))
                return None
        return None

    async def write(self, data: bytes) -> None:
        """Input; dropped when the connection is gone, which `read` says."""
        with suppress(errors.SourceError):
            await self._streams.send(STDIN, data)

    async def end_input(self) -> None:
        """Raises errors.Refused where the server cannot be told."""
        if not self.can_end_input:
            raise errors.Refused("this server cannot be told that the input has ended (it speaks v4 only)")
        with suppress(errors.SourceError):
            await self._streams.end(STDIN)

    def resize(self, terminal: Terminal) -> None:
        """The last of many sizes is sent."""
        self._size = terminal
        self._resized.set()

    async def send_sizes(self) -> None:
        """For ever."""
        while True:
            await self._resized.wait()
            self._resized.clear()
            if (size := self._size) is not None:
                body = msgspec.json.encode({"Width": size.columns, "Height": size.rows})
                with suppress(errors.SourceError):
                    await self._streams.send(RESIZE, body)

    def _end(self, ended: Ended) -> None:
        if self.ended is None:
            self.ended = ended


def _ended(data: bytes) -> Ended:
    """What the error channel says: apimachinery's Status; text from servers before v4."""
    try:
        outcome = msgspec.json.decode(data, type=Outcome)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Ended(why=" ".join(data.decode(errors="replace").split())[:300])
    if outcome.status == "Success":
        return Ended(0)
    for cause in (outcome.details.causes if outcome.details else None) or ():
        if cause.reason == "ExitCode" and cause.message.isdigit():
            return Ended(int(cause.message))
    return Ended(why=outcome.message or outcome.reason or "the command failed")


@asynccontextmanager
async def executed(
    connection: Connection,
    namespace: str,
    name: str,
    container: str,
    argv: Sequence[str],
    *,
    stdin: bool = False,
    tty: bool = False,
) -> AsyncIterator[Remote]:
    """Begin it; leaving lets go of it. Raises `model.errors`: then it has not begun."""
    query = [("command", word) for word in argv]
    query += [("container", container)] if container else []
    query += [("stdin", str(stdin).lower()), ("stdout", "true"), ("stderr", str(not tty).lower())]
    query += [("tty", str(tty).lower())]
    async with channels(connection, f"{pod_path(namespace, name)}/exec", query, (V5, V4)) as streams:
        remote = Remote(streams)
        sizes = asyncio.create_task(remote.send_sizes(), name="exec:sizes")
        try:
            yield remote
        finally:
            sizes.cancel()
            with suppress(asyncio.CancelledError):
                await sizes
