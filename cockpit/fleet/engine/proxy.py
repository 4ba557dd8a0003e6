"""A ProxyCommand as the way to a host: its stdin and stdout are the connection (ssh_config(5))."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any, cast

from cockpit.model.user import chosen_shell

GRACE_SECONDS = 1.0
"""From SIGHUP, which ssh sends it too, and SIGTERM to SIGKILL."""
HEARD_SECONDS = 0.3
"""For the last words of one whose output has ended."""
SAID_BYTES = 2048
"""Kept of its stderr."""


class ProxyCommand(asyncio.SubprocessProtocol):
    """A child process as a transport. It ends with the connection, and so does what it started."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self._child: asyncio.SubprocessTransport | None = None
        self._input: asyncio.WriteTransport | None = None
        self._said = bytearray()
        self._exited = asyncio.Event()
        self._over = asyncio.Event()
        self._closing = False

    async def start(self, command: str) -> None:
        """Raises OSError, which names the shell."""
        await asyncio.get_running_loop().subprocess_exec(
            lambda: self, chosen_shell(), "-c", f"exec {command}", start_new_session=True
        )

    async def heard(self) -> None:
        """It has said what it had to say, or does not end."""
        try:
            async with asyncio.timeout(HEARD_SECONDS):
                await self._over.wait()
        except TimeoutError:
            return

    @property
    def said(self) -> str:
        """The last line of its stderr, and how it ended."""
        lines = self._said.decode("utf-8", "replace").split("\n")
        code = self._child.get_returncode() if self._child is not None else None
        status = "" if not code else f"exit status {code}" if code > 0 else f"signal {-code}"
        return "; ".join(filter(None, (next((line.strip() for line in reversed(lines) if line.strip()), ""), status)))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._child = cast("asyncio.SubprocessTransport", transport)
        self._input = cast("asyncio.WriteTransport", self._child.get_pipe_transport(0))
        self._protocol.connection_made(cast("asyncio.Transport", self))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 1:
            self._protocol.data_received(data)
        else:
            self._said += data
            del self._said[:-SAID_BYTES]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self._protocol.connection_lost(exc)

    def process_exited(self) -> None:
        self._exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes) -> None:
        if self._input is not None and not self._input.is_closing():
            self._input.write(data)

    def abort(self) -> None:
        self.close()

    def close(self) -> None:
        """End it, and all that it started."""
        if self._closing:
            return
        self._closing = True
        if self._input is not None:
            self._input.close()
        self._signal(signal.SIGHUP)
        self._signal(signal.SIGTERM)  # under nohup the first is ignored
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._kill)

    async def wait_closed(self) -> None:
        """It has exited."""
        await self._exited.wait()
        self._kill()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._child is not None:
            self._child.close()

    def _signal(self, number: signal.Signals) -> None:
        """To its session, while it is there itself: the number of one that has gone may be somebody else's."""
        if self._child is None or self._child.get_returncode() is not None:
            return
        try:
            os.killpg(self._child.get_pid(), number)
        except (ProcessLookupError, PermissionError):
            return
