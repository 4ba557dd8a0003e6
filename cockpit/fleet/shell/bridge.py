"""A person's own terminal, lent to a shell on a host: raw bytes both ways, its size followed, always restored.

As in ssh(1), `~.` at the start of a line cuts the connection, `~~` sends one tilde and `~?` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeAlias

from cockpit.fleet.engine.link import Ending, Running, Terminal

READ_BYTES = 4096
HELP = b"\r\n~.  cut the connection\r\n~~  send a tilde\r\n"
LEFT = "left by ~."
RESET = b"\x1b[0m\x1b[?25h\x1b[?1l\x1b>\x1b[?2004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1049l"
"""What a program that was cut in the middle may have left switched on: colours, hidden cursor, keypad, paste, mouse."""


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
                os.write(self.output, RESET)
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.input, termios.TCSADRAIN, before)


Lend: TypeAlias = Callable[[], AbstractAsyncContextManager[Tty]]
"""Gives the person's terminal for a while; what draws on it otherwise stands aside."""


class Escapes:
    """Finds the tilde sequences in what is typed (ssh(1), ESCAPE CHARACTERS)."""

    def __init__(self) -> None:
        self._start = True
        self._tilde = False

    def take(self, typed: bytes) -> tuple[bytes, bytes, bool]:
        """(what goes to the host, what the person is told, whether to leave)"""
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


async def bridge(running: Running, terminal: Tty) -> Ending:
    """Join them until the shell ends or the person leaves (`lost` is then LEFT)."""
    loop = asyncio.get_running_loop()
    typing = asyncio.create_task(_type(running, terminal), name="shell:type")
    showing = asyncio.create_task(_show(running, terminal), name="shell:show")
    with terminal.raw():
        loop.add_signal_handler(signal.SIGWINCH, lambda: running.resize(terminal.terminal()))
        running.resize(terminal.terminal())
        try:
            await asyncio.wait([typing, showing], return_when=asyncio.FIRST_COMPLETED)
            left = not showing.done()
        finally:
            loop.remove_signal_handler(signal.SIGWINCH)
            running.close()
            for task in (typing, showing):
                task.cancel()
            await asyncio.gather(typing, showing, return_exceptions=True)
    return Ending(lost=LEFT) if left else running.channel.ending


async def _type(running: Running, terminal: Tty) -> None:
    """Until the person leaves, or has no terminal any more."""
    loop = asyncio.get_running_loop()
    escapes = Escapes()
    leave = False
    while not leave and (data := await _readable(loop, terminal.input)):
        sent, said, leave = escapes.take(data)
        if said:
            await asyncio.to_thread(_write, terminal.output, said)
        if sent:
            running.write(sent)
            await running.room()


async def _readable(loop: asyncio.AbstractEventLoop, fd: int) -> bytes:
    """The next keys; empty when the terminal is gone."""
    ready = asyncio.Event()
    loop.add_reader(fd, ready.set)
    try:
        await ready.wait()
        return os.read(fd, READ_BYTES)
    except OSError:
        return b""
    finally:
        loop.remove_reader(fd)


async def _show(running: Running, terminal: Tty) -> None:
    """A terminal that stops reading makes the shell wait, and nothing else."""
    while (chunk := await running.channel.read()) is not None:
        await asyncio.to_thread(_write, terminal.output, chunk.data)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
