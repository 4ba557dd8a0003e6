"""A program that prints an inventory: run without a shell, off the loop, bounded in time and output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Sequence
from typing import cast

from cockpit.model import errors

SECONDS = 30.0
"""For the program to end."""
HELD_SECONDS = 1.0
"""A program that has ended may have left a child that holds its output: so long is waited for that to end, too."""
MOST_BYTES = 64 * 2**20
"""Of what it prints."""
STDERR_BYTES = 64 * 1024
"""Of its complaints the end is kept."""
STDERR_CHARS = 300
"""Of its complaints, quoted."""


def words(line: str) -> list[str]:
    """The program and its arguments, split as a shell would; `~` before the program is expanded.

    Raises errors.Malformed.
    """
    try:
        found = shlex.split(line)
    except ValueError as error:
        raise errors.Malformed(f"command:{line}: a quote without its pair") from error
    if not found:
        raise errors.Malformed("command: names no program")
    return [os.path.expanduser(found[0]), *found[1:]]


class _Program(asyncio.SubprocessProtocol):
    """Keeps what a program says until it has ended and its output is closed."""

    def __init__(self) -> None:
        self.printed, self.complaints = bytearray(), bytearray()
        self.too_much = False
        self.over = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:
            self.complaints = (self.complaints + data)[-STDERR_BYTES:]
            return
        self.printed += data
        if len(self.printed) > MOST_BYTES:
            self.too_much = True
            self.over.set()

    def process_exited(self) -> None:
        if self._transport is not None:
            asyncio.get_running_loop().call_later(HELD_SECONDS, self._transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over.set()


async def output(arguments: Sequence[str]) -> bytes:
    """What a program prints. Cancelled, too slow or too loud, it is ended with all that it started.

    Raises errors.NotFound, Denied, Unreachable when it is too slow, Refused when it fails and Malformed for too much.
    """
    name = arguments[0]
    try:
        transport, program = await asyncio.get_running_loop().subprocess_exec(
            _Program, *arguments, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
    except FileNotFoundError as error:
        raise errors.NotFound(f"there is no program {name}; check fleet.inventories") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise errors.Denied(f"cannot run {name}: {said}") from error
    try:
        async with asyncio.timeout(SECONDS):
            await program.over.wait()
    except TimeoutError as error:
        raise errors.Unreachable(f"{name} did not end within {SECONDS:g} s") from error
    finally:
        code = transport.get_returncode()
        if code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
        transport.close()
    if program.too_much:
        raise errors.Malformed(f"{name} prints more than {MOST_BYTES // 2**20} MiB")
    if code:
        how = f"signal {-code}" if code < 0 else f"exit status {code}"
        said = " ".join(program.complaints.decode(errors="replace").split())[-STDERR_CHARS:]
        raise errors.Refused(f"{name} failed with {how}{f': {said}' if said else ''}")
    return bytes(program.printed)
