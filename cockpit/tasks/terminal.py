"""The person's own terminal, lent to something else for a while: a shell elsewhere, or a program here.

Raw bytes both ways, its size followed, always restored. As in ssh(1), `~.` at the start of a line cuts the connection,
`~~` sends one tilde and `~?` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import termios
import threading
import tty
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeAlias

from msgspec import Struct

READ_BYTES = 4096
HELP = b"\r\n~.  cut the connection\r\n~~  send a tilde\r\n"
RESET = b"\x1b[0m\x1b[?25h\x1b[?1l\x1b>\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1047l"
"""What a program that was cut in the middle may have left switched on: colours, hidden cursor, keypad, paste, mouse.

The alternate screen is left by 1047: 1049 would also put the cursor where it was saved once, or at the top."""


class Terminal(Struct, frozen=True):
    """What a shell draws on."""

    kind: str
    """As $TERM has it."""
    columns: int
    rows: int


class Tty:
    """The terminal that cockpit runs in."""

    def __init__(self, input_fd: int = 0, output_fd: int = 1) -> None:
        self.input, self.output = input_fd, output_fd

    def terminal(self) -> Terminal:
        """What a shell is told of it."""
        try:
            columns, rows = os.get_terminal_size(self.output)
        except OSError:
            columns, rows = 80, 24
        return Terminal(os.environ.get("TERM", "xterm"), columns or 80, rows or 24)

    @contextmanager
    def raw(self) -> Iterator[None]:
        """Every key goes through as it is; afterwards the terminal is as it was."""
        before = termios.tcgetattr(self.input)
        tty.setraw(self.input, termios.TCSADRAIN)  # what was typed ahead is not thrown away
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if select.select((), (self.output,), (), 0)[1]:  # one that has stopped reading would hold us up
                    os.write(self.output, RESET)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.input, termios.TCSANOW, before)


Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[Tty]]
"""Gives the person's terminal for a while; what draws on it otherwise stands aside."""


class Escapes:
    """Finds the tilde sequences in what is typed (ssh(1), ESCAPE CHARACTERS)."""

    def __init__(self) -> None:
        self._start = True
        self._tilde = False

    def take(self, typed: bytes) -> tuple[bytes, bytes, bool]:
        """(what goes to the other side, what the person is told, whether to leave)"""
        sent, said = bytearray(), b""
        for code in typed:
            if self._tilde:
                self._tilde = False
                if code == ord("."):
                    return bytes(sent), said, True
                if code == ord("?"):
                    said += HELP
                    self._start = True
                    continue
                if code != ord("~"):
                    sent.append(ord("~"))
            elif self._start and code == ord("~"):
                self._tilde, self._start = True, False
                continue
            sent.append(code)
            self._start = code in b"\r\n"
        return bytes(sent), said, False


async def join(
    terminal: Tty,
    *,
    read: Callable[[], Awaitable[bytes | None]],
    write: Callable[[bytes], Awaitable[None]],
    resize: Callable[[Terminal], None],
) -> bool:
    """Join the terminal and the other side until that ends (`read` gives None); True when the person left first.

    `write` returns when there is room for more. None of the three raises.
    """
    loop = asyncio.get_running_loop()
    typing = asyncio.create_task(_type(terminal, write), name="terminal:type")
    showing = asyncio.create_task(_show(terminal, read), name="terminal:show")
    with terminal.raw():
        loop.add_signal_handler(signal.SIGWINCH, lambda: resize(terminal.terminal()))
        resize(terminal.terminal())
        try:
            await asyncio.wait([typing, showing], return_when=asyncio.FIRST_COMPLETED)
            return not showing.done()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            for task in (typing, showing):
                task.cancel()
            await asyncio.gather(typing, showing, return_exceptions=True)


async def _type(terminal: Tty, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Until the person leaves, or has no terminal any more."""
    escapes = Escapes()
    leave = False
    while not leave and (data := await typed(terminal.input)):
        sent, said, leave = escapes.take(data)
        if said:
            await written(terminal.output, said)
        if sent:
            await write(sent)


async def _show(terminal: Tty, read: Callable[[], Awaitable[bytes | None]]) -> None:
    """A terminal that stops reading makes the other side wait, and nothing else."""
    while (data := await read()) is not None:
        await written(terminal.output, data)


async def typed(fd: int, most: int = READ_BYTES) -> bytes:
    """The next bytes of a terminal or a pipe, or of a file; empty at the end, or when the terminal is gone."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except PermissionError:  # epoll(7) takes no files: they never make one wait
        return await asyncio.to_thread(os.read, fd, most)
    try:
        await ready.wait()
        return os.read(fd, most)
    except OSError:
        return b""
    finally:
        loop.remove_reader(fd)


async def written(fd: int, data: bytes) -> None:
    """In a thread that nobody waits for at the end: a terminal that has stopped reading must not hold up our leaving.

    Raises OSError.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: OSError | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def write() -> None:
        error: OSError | None = None
        try:
            write_all(fd, data)
        except OSError as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            loop.call_soon_threadsafe(tell, error)

    threading.Thread(target=write, name="terminal", daemon=True).start()
    await done


def write_all(fd: int, data: bytes) -> None:
    """Blocking. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


async def run_here(
    terminal: Tty,
    argv: Sequence[str],
    cwd: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    output: int | None = None,
) -> int:
    """A program on this machine, with the terminal as its own while it runs; its exit status as subprocess has it.

    `environment` None: ours. `output`: where its standard output goes instead, a file descriptor.
    A cancel hangs up on it. Raises OSError when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, _nothing)  # a program without job control leaves us in its group
    try:
        child = await asyncio.create_subprocess_exec(
            *argv,
            stdin=terminal.input,
            stdout=terminal.output if output is None else output,
            stderr=terminal.output,
            cwd=cwd,
            env=environment,
        )
        try:
            return await child.wait()
        except asyncio.CancelledError:
            child.send_signal(signal.SIGHUP)
            raise
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        _take_back(terminal)


def _nothing() -> None:
    return None


def _take_back(terminal: Tty) -> None:
    """Be in the foreground again, whatever group the program left there."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal.input, os.getpgrp())
    except OSError:
        pass
    finally:
        signal.signal(signal.SIGTTOU, before)
