"""A command as another user of its host, by sudo(8). The password goes in by stdin, and only when sudo asks for it.

sudo is told what to ask with (`-p`), a text that is new for each command, and nothing is sent before that was seen; so
a password never reaches a command, an argument list, an environment, a log or the journal. Whether sudo let us in is
known from what runs behind it, which announces itself before the command begins.
"""

from __future__ import annotations

import asyncio
import re
import secrets

from msgspec import Struct

from cockpit.fleet.engine.announce import NOISE_BYTES, SH, Announcement
from cockpit.fleet.engine.link import Chunk, Running
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.model.printable import printable

ENTER_SECONDS = 60.0
"""For sudo to let us in: a directory service or a second factor takes its time."""
QUESTION_SECONDS = 5.0
"""An unfinished line of that age is a question to somebody who is not there."""
LEAVE_SECONDS = 5.0
"""For sudo to give up once its input has ended."""
WORDS_CHARS = 300

_DECODE = 'c=$(printf "%b." "$5"); '
_ENTER = SH + 'exec "$2" -c "$3"'


class SudoRefused(errors.Denied):
    """sudo did not let us in: the command did not run. Says why in sudo's own words."""


class Secret:
    """A text that is never shown: not printed, not encoded, not pickled."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    @property
    def is_line(self) -> bool:
        return not re.search(r"[\n\0]", self._text)

    def line(self) -> bytes:
        """As a program reads it. Never bind it to a name: tracebacks show those."""
        return f"{self._text}\n".encode()


class Sudo(Struct, frozen=True):
    """As whom a command is run."""

    user: str = "root"
    password: Secret | None = None
    """Of the user who logs in, as sudo asks for it; None: sudo must not ask (NOPASSWD)."""

    @property
    def is_root(self) -> bool:
        return self.user in ("root", "#0")


class Door:
    """One command on its way through sudo."""

    def __init__(self, sudo: Sudo, machine: Machine) -> None:
        """Raises errors.Refused for a password or user name that sudo could not be given."""
        if sudo.password is not None and not sudo.password.is_line:
            raise errors.Refused("a password for sudo is one line")
        if not re.fullmatch(r"[\w#][\w.$-]*", sudo.user):
            raise errors.Refused(f"{printable(sudo.user)!r} is no user name for sudo")
        self.inside = Announcement(secrets.token_hex(8))
        self._sudo, self._machine = sudo, machine
        self._prompt = f"[sudo {secrets.token_hex(8)}] "
        self._said = bytearray()

    def line(self, command: str) -> str:
        """What the login shell is given. The command is run by the login shell too, as the other user.

        Login shells differ in what they take for special between single quotes, so nothing of that is left there.
        """
        options = '-S -p "$1" -u "$2"' if self._sudo.password is not None else '-n -u "$2"'
        script = f'{_DECODE}exec sudo {options} -- /bin/sh -c "$3" cockpit "$4" "${{SHELL:-/bin/sh}}" "${{c%.}}"'
        coded = re.sub(r"[\\'!\x00-\x1f]", lambda found: f"\\0{ord(found[0]):03o}", command)
        words = (self._prompt, self._sudo.user, _ENTER, self.inside.mark, coded)
        return f"exec /bin/sh -c '{script}' cockpit " + " ".join(f"'{word}'" for word in words)

    async def enter(self, running: Running, before: Announcement | None = None) -> list[Chunk]:
        """Until the command runs; gives what was said on the way, without sudo's prompt.

        `before` takes what the login shell announces. Raises SudoRefused, and errors.UnknownOutcome when it cannot be
        told whether the command runs.
        """
        output: list[Chunk] = []
        try:
            async with asyncio.timeout(ENTER_SECONDS):
                await self._talk(running, before, output)
        except TimeoutError as error:
            raise self._refused(f"sudo did not answer within {ENTER_SECONDS:.0f} s") from error
        if self.inside.who is None:
            raise errors.UnknownOutcome(f"{self._machine.where}: login scripts say too much to hear sudo")
        if self._said:
            output.append(Chunk(bytes(self._said), stderr=True))
        return output

    async def _talk(self, running: Running, before: Announcement | None, output: list[Chunk]) -> None:
        asked = False
        while self.inside.awaited:
            chunk = await self._heard(running)
            if chunk is None:
                if not running.channel.ending.known:
                    lost = running.channel.ending.lost
                    raise errors.UnknownOutcome(f"{self._machine.where}: the connection was lost under sudo ({lost})")
                raise self._refused("sudo refused")
            if chunk.stderr:
                self._said += chunk.data
                del self._said[:-NOISE_BYTES]
                if not self._asks():
                    continue
                if asked or self._sudo.password is None:
                    raise self._refused("sudo does not take the password")
                running.write(self._sudo.password.line())
                asked = True
            else:
                data = self.inside.feed(before.feed(chunk.data) if before is not None else chunk.data)
                if data:
                    output.append(Chunk(data))

    async def _heard(self, running: Running) -> Chunk | None:
        """What comes next. An unfinished line that stays so is a question that we have no answer to."""
        if not self._said or self._said.endswith(b"\n"):
            return await running.channel.read()
        try:
            async with asyncio.timeout(QUESTION_SECONDS):
                return await running.channel.read()
        except TimeoutError as error:
            raise self._refused("sudo asks what cockpit cannot answer") from error

    def _asks(self) -> bool:
        """Whether our prompt is there; it is taken out."""
        before, prompt, after = self._said.partition(self._prompt.encode())
        self._said = before + after
        return bool(prompt)

    def _refused(self, what: str) -> SudoRefused:
        lines = [printable(line.strip()) for line in self._said.decode("utf-8", "replace").splitlines()]
        words = "; ".join(filter(None, lines))[-WORDS_CHARS:]
        return SudoRefused(f"{self._machine.where}: {what}{': ' if words else ''}{words}")
