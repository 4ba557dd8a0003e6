"""Questions of a command on the terminal that it runs on. A cancelled one leaves the terminal as it was."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cockpit.cli.say import complain, drawn

if TYPE_CHECKING:
    from cockpit.fleet.roster import Roster
    from cockpit.fleet.trust.consent import UnknownKey

LINE_BYTES = 4096


def can_ask() -> bool:
    """Whether somebody sits there who sees what we ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def attend(roster: Roster) -> None:
    """Let the connections of a command ask whoever sits there."""
    if can_ask():
        roster.pool.ask(AtTerminal())


class AtTerminal:
    """Who runs a command: gives passphrases. Unknown keys are for `cockpit fleet trust`, which shows all of them."""

    async def accepts(self, unknown: UnknownKey) -> bool:
        return False

    async def passphrase(self, path: str, why: str) -> str | None:
        if why:
            complain(why)
        return await line(f"Passphrase of {path} (empty: leave it locked): ", secret=True) or None


async def line(prompt: str, *, secret: bool = False) -> str:
    """What is typed, without the end of the line. "" at the end of the input."""
    loop = asyncio.get_running_loop()
    typed: asyncio.Future[str] = loop.create_future()
    with _terminal(secret) as terminal:
        os.write(terminal, drawn(prompt, terminal=True).encode())

        def read() -> None:
            if not typed.done():
                typed.set_result(os.read(terminal, LINE_BYTES).decode("utf-8", "surrogateescape").rstrip("\r\n"))

        loop.add_reader(terminal, read)
        try:
            return await typed
        finally:
            loop.remove_reader(terminal)


@contextlib.contextmanager
def _terminal(secret: bool) -> Iterator[int]:
    terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    before = termios.tcgetattr(terminal)
    try:
        if secret:
            after = termios.tcgetattr(terminal)
            after[3] &= ~termios.ECHO
            termios.tcsetattr(terminal, termios.TCSAFLUSH, after)
        yield terminal
    finally:
        if secret:
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
            os.write(terminal, b"\n")
        os.close(terminal)
