"""A driver that never lets the terminal stop the program.

A terminal that stops reading (a stalled SSH link) blocks textual's writer thread, then its queue of 30 writes, then
the event loop. Here painting waits while writes are queued and the newest state is painted once they are through; a
terminal that is gone swallows what is written and is reported as SIGHUP, once.

Private API of textual 8.2.8 used: `Driver._app`, `LinuxDriver._file`, `_writer_thread`, `_key_thread`,
`_get_terminal_size`, `WriterThread._queue`, `XTermParser`. Each has a stall or hang-up test.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

IN_FLIGHT = 6
"""Queued writes before painting waits; a frame is three (begin, cells, end)."""
QUEUE_ROOM = 24
"""Queued writes from which on anything is dropped rather than block the loop; textual's queue holds 30."""
FLUSH_SECONDS = 0.3
"""How long an exit waits for a terminal that does not read, before it drops what is queued."""
EXIT_SECONDS = 0.8
CANCEL_SEQUENCE = "\x18"
"""CAN ends an escape sequence that was cut in the middle (ECMA-48)."""


class _Output:
    """The terminal as a file for textual's writer thread, unbuffered, so no lock is held while a write blocks."""

    def __init__(self, fileno: int, drained: Callable[[], None]) -> None:
        self._fileno = _opened_anew(fileno)
        self._drained = drained
        self.gone = False
        self.discard = False

    def write(self, text: str) -> int:
        data = memoryview(text.encode("utf-8", "replace"))
        while data and not (self.gone or self.discard):
            try:
                data = data[os.write(self._fileno, data) :]
            except BlockingIOError:
                select.select([], [self._fileno], [], 0.1)
            except OSError:
                self.gone = True
        return len(text)

    def flush(self) -> None:
        self._drained()

    def fileno(self) -> int:
        return self._fileno


def _opened_anew(fileno: int) -> int:
    """The same terminal without blocking, through a descriptor of our own: the flag on a shared one would reach the
    shell. Where that is refused (after `su`) the given one, which blocks the writer thread at worst."""
    flags = os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK
    with suppress(OSError):
        return os.open(os.ttyname(fileno), flags)
    with suppress(OSError):
        return os.open(f"/proc/self/fd/{fileno}", flags)
    return fileno


class PacedDriver(LinuxDriver):
    """Use as `driver_class`. The app handles SIGHUP and SIGTERM by leaving; the exit takes at most two seconds."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._output = _Output(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2, self._drained)
        self._file = cast("Any", self._output)
        self._hold: AbstractContextManager[None] | None = None
        self._suspended = False

    @property
    def held(self) -> bool:
        """Painting waits for the terminal."""
        return self._hold is not None

    @property
    def _queued(self) -> int:
        return self._writer_thread._queue.qsize() if self._writer_thread is not None else 0

    def write(self, data: str) -> None:
        if self._writer_thread is None or not self._writer_thread.is_alive() or self._queued >= QUEUE_ROOM:
            return
        super().write(data)
        if self._hold is None and self._queued >= IN_FLIGHT:
            self._hold_painting()
            if not self._queued:
                self._release()

    def _get_terminal_size(self) -> tuple[int, int]:
        """Of the terminal itself: an exported COLUMNS does not follow a resize."""
        try:
            size = os.get_terminal_size(self._output.fileno())
        except OSError:
            return super()._get_terminal_size()
        return size.columns or 80, size.lines or 24

    def start_application_mode(self) -> None:
        self._output.discard = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        resumed, self._suspended = self._suspended, False
        self._release()
        if resumed:  # textual repaints after `suspend()`, but not after SIGCONT
            self._loop.call_soon_threadsafe(self._app.call_later, partial(self._app.refresh, layout=True))

    def suspend_application_mode(self) -> None:
        """Leave the terminal to another program; what changes meanwhile is painted on return."""
        self._suspended = True
        if self._hold is None:
            self._hold_painting()
        super().suspend_application_mode()

    def stop_application_mode(self) -> None:
        """What the terminal has not read by now it will not miss: a dead reader never holds the exit."""
        patience, deadline = time.monotonic() + FLUSH_SECONDS, time.monotonic() + EXIT_SECONDS
        while self._queued and time.monotonic() < deadline:
            if time.monotonic() > patience:
                self._output.discard = True
                self._forget_unread()
            time.sleep(0.01)
        if self._output.discard:
            self._output.discard = False
            self.write(CANCEL_SEQUENCE)
        super().stop_application_mode()

    def close(self) -> None:
        thread = self._writer_thread
        if thread is None or not thread.is_alive():
            return
        thread._queue.put(None)
        patience, deadline = time.monotonic() + FLUSH_SECONDS, time.monotonic() + EXIT_SECONDS
        while thread.is_alive() and time.monotonic() < deadline:
            if time.monotonic() > patience:
                self._output.discard = True
                self._forget_unread()
            thread.join(0.01)

    def run_input_thread(self) -> None:
        """Dispatch input until told to stop. A terminal that is gone reads as an end or an error, without pause."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            if poll.poll(100):
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:
                    data = b""
                if not data:
                    self._hang_up()
                    return
                for event in parser.feed(decode(data)):
                    self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _hang_up(self) -> None:
        """Tell ourselves what the kernel tells only the leader of the session."""
        if self.input_tty and not self.exit_event.is_set():
            self._output.gone = True
            os.kill(os.getpid(), signal.SIGHUP)

    def _hold_painting(self) -> None:
        self._hold = self._app.batch_update()
        self._hold.__enter__()

    def _drained(self) -> None:
        """From the writer thread, whenever its queue is empty."""
        if self._hold is not None and not self._suspended:
            with suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        if self._hold is None or self._suspended or self._queued:
            return
        hold, self._hold = self._hold, None
        hold.__exit__(None, None, None)
        if self._app.screen_stack:
            self._app.screen.check_idle()

    def _forget_unread(self) -> None:
        with suppress(termios.error):
            termios.tcflush(self._output.fileno(), termios.TCOFLUSH)
