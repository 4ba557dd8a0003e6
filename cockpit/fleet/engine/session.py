"""Commands and shells over one SSH connection (RFC 4254), as asyncssh carries them: bytes, never decoded here."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh

from cockpit.fleet.engine.link import Channel, NoChannel, NotSent
from cockpit.model import errors
from cockpit.tasks.terminal import Terminal

START_SECONDS = 10.0
"""For the other side to accept a command."""
CLOSE_SECONDS = 2.0
WINDOW_BYTES = (128 * 1024, 2 * 2**20)
"""Output that the other side may send before it is taken, least and most (RFC 4254, 5.2). The most is OpenSSH's own."""
WINDOWS_BYTES = 12 * 2**20
"""Of all open commands, roughly: hundreds of hosts that are made to wait must not fill the memory."""


class Watched(asyncssh.SSHClient):
    """What became of one connection."""

    lost = ""

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = str(exc) if exc is not None else "the connection was closed"


class Session(asyncssh.SSHClientSession[bytes]):
    """One command or shell: bytes go on as they come."""

    _open = 0
    """Sessions of this process that have a channel, or are about to."""

    def __init__(self, client: Watched, *, feed: bool = False) -> None:
        """With `feed` its input stays open for `write` and `eof`; else it is empty."""
        self.made = False
        self._abandoned = False
        self._counted = True
        Session._open += 1
        self._client = client
        self._feed = feed
        self._room = asyncio.Event()
        self._room.set()
        self._chan: asyncssh.SSHClientChannel[bytes] | None = None
        self.channel = Channel(self._pause)

    @property
    def window_bytes(self) -> int:
        """Its share, which is less the more are open."""
        least, most = WINDOW_BYTES
        return max(least, min(most, WINDOWS_BYTES // Session._open))

    def opened(self, opening: asyncio.Future[Any]) -> None:
        """It has its channel, or got none."""
        if opening.cancelled() or opening.exception() is not None:
            self._forget()

    def _forget(self) -> None:
        if self._counted:
            self._counted = False
            Session._open -= 1

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._chan = chan
        if self._abandoned:
            chan.close()
        else:
            self.made = True

    def session_started(self) -> None:
        if not self._feed:
            self.eof()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self.channel.feed(data, stderr=datatype is not None)

    def eof_received(self) -> bool:
        """Its output ends; it may go on to read its input."""
        return True

    def exit_status_received(self, status: int) -> None:
        self.channel.ended(status=status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self.channel.ended(signal=signal)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self._room.set()
        self.channel.closed(str(exc) if exc is not None else self._client.lost)

    def close(self) -> None:
        if self._chan is not None:
            self._chan.close()

    def abandon(self) -> None:
        """Nobody waits for it to start any more: what is not yet asked of the host is not asked."""
        self._abandoned = True
        self.close()

    def write(self, data: bytes) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write(data)

    async def room(self) -> None:
        await self._room.wait()

    def eof(self) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.write_eof()

    def resize(self, terminal: Terminal) -> None:
        if self._chan is not None and not self._chan.is_closing():
            self._chan.change_terminal_size(terminal.columns, terminal.rows)

    def _pause(self, stop: bool) -> None:
        assert self._chan is not None
        (self._chan.pause_reading if stop else self._chan.resume_reading)()


class SshLink:
    """A kept SSH connection."""

    def __init__(self, connection: asyncssh.SSHClientConnection, client: Watched, where: str) -> None:
        self._connection = connection
        self._client = client
        self._where = where

    @property
    def alive(self) -> bool:
        return not self._client.lost and not self._connection.is_closed()

    @property
    def connection(self) -> asyncssh.SSHClientConnection:
        """For the engine, to go through it to another host."""
        return self._connection

    async def start(self, command: str, *, feed: bool = False) -> Session:
        """See Link.start. A command counts as sent from the moment the channel is open."""
        return await self._open(command, None, feed=feed)

    async def shell(self, terminal: Terminal) -> Session:
        """See Link.shell."""
        return await self._open(None, terminal, feed=True)

    async def _open(self, command: str | None, terminal: Terminal | None, *, feed: bool) -> Session:
        session = Session(self._client, feed=feed)
        opening = asyncio.ensure_future(
            self._connection.create_session(
                lambda: session,
                command,
                encoding=None,
                window=session.window_bytes,
                request_pty="force" if terminal is not None else False,
                term_type=terminal.kind if terminal is not None else None,
                term_size=(terminal.columns, terminal.rows) if terminal is not None else (),
            )
        )
        opening.add_done_callback(session.opened)
        try:
            # asyncssh leaves a channel open, and a place of MaxSessions taken, when it is cut short in this
            async with asyncio.timeout(START_SECONDS):
                await asyncio.shield(opening)
        except asyncio.CancelledError:
            session.abandon()
            opening.add_done_callback(_consume)
            raise
        except asyncssh.ChannelOpenError as error:
            if not self.alive:
                raise NotSent(self._client.lost) from error
            raise NoChannel(f"{self._where} refused the command: {error.reason}") from error
        except TimeoutError as error:
            session.abandon()
            opening.add_done_callback(_consume)
            if session.made:
                raise errors.UnknownOutcome(f"{self._where} did not say whether it started the command") from error
            raise errors.Unreachable(f"{self._where} gave no channel within {START_SECONDS:.0f} s") from error
        except (OSError, asyncssh.Error) as error:
            if session.made:
                raise errors.UnknownOutcome(
                    f"{self._where}: the connection was lost after the command was sent ({error})"
                ) from error
            raise NotSent(str(error)) from error
        return session

    async def close(self) -> None:
        self._connection.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._connection.wait_closed()
        except TimeoutError:
            self._connection.abort()


def _consume(opening: asyncio.Future[Any]) -> None:
    """Nobody waits for what came of it."""
    if not opening.cancelled():
        opening.exception()
