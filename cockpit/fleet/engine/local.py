"""This machine as one of the fleet: commands run by the user's shell, without SSH."""

from __future__ import annotations

import asyncio
import signal
from typing import cast

from cockpit.fleet.engine.link import Channel
from cockpit.model import errors
from cockpit.model.user import home, login_shell
from cockpit.tasks.terminal import Terminal


class LocalRunning(asyncio.SubprocessProtocol):
    """A child process as a channel."""

    def __init__(self) -> None:
        self.channel = Channel(self._pause)
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.channel.feed(data, stderr=fd == 2)

    def process_exited(self) -> None:
        code = self._transport.get_returncode() if self._transport is not None else None
        if code is not None and code < 0:
            self.channel.ended(signal=_signal_name(-code))
        else:
            self.channel.ended(status=code)

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 0:  # nobody takes the input any more: whoever waits for room must not wait for ever
            self._room.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.set()
        self.channel.closed(str(exc) if exc is not None else "")

    def write(self, data: bytes) -> None:
        if (pipe := self._input()) is not None:
            pipe.write(data)

    async def room(self) -> None:
        await self._room.wait()

    def eof(self) -> None:
        if (pipe := self._input()) is not None:
            pipe.close()

    def resize(self, terminal: Terminal) -> None:
        """A command has no terminal."""

    def close(self) -> None:
        """Closes the pipes; kills the child itself when it still runs."""
        if self._transport is not None:
            self._transport.close()

    def _input(self) -> asyncio.WriteTransport | None:
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        return None if pipe is None or pipe.is_closing() else cast("asyncio.WriteTransport", pipe)

    def _pause(self, stop: bool) -> None:
        assert self._transport is not None
        for number in (1, 2):
            pipe = self._transport.get_pipe_transport(number)
            if pipe is not None and not pipe.is_closing():
                reader = cast("asyncio.ReadTransport", pipe)
                (reader.pause_reading if stop else reader.resume_reading)()


class LocalLink:
    """Always there."""

    alive = True

    async def start(self, command: str, *, feed: bool = False) -> LocalRunning:
        """Each command leads a session of its own, as it would under sshd."""
        shell = login_shell()
        try:
            _, running = await asyncio.get_running_loop().subprocess_exec(
                LocalRunning,
                shell,
                "-c",
                command,
                stdin=asyncio.subprocess.PIPE if feed else asyncio.subprocess.DEVNULL,
                cwd=home(),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise errors.Refused(f"cannot run {shell}: {error}") from error
        return running

    async def shell(self, terminal: Terminal) -> LocalRunning:
        raise errors.Refused("this machine has your own shell; there is nothing to connect to")

    async def close(self) -> None:
        """Nothing is kept."""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:
        return str(number)
