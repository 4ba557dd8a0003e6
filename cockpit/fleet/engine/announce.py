"""How a command says which process it is, before it begins: what a stop may end is known only from this.

One line goes before the command, to whatever login shell there is. bash, rbash, dash, zsh, ksh, mksh and BusyBox run it
without a fork (0.1 ms; a helper process costs 1.1 ms, 6 % of what a cold host costs at all); csh, tcsh and fish start
/bin/sh for it. What each does not understand is hidden from it by what they read differently:

- `'\\'` is a whole string, but in fish it goes on, for `\\'` is a quote there: so code to one is text to the other;
- `$?shell` is 1 in csh and tcsh, and the last status before the word "shell" elsewhere.
"""

from __future__ import annotations

import re

from msgspec import Struct

NOISE_BYTES = 64 * 1024
"""Of login scripts, that may stand before it."""
LINE_BYTES = 1024
"""Of an announcement."""

_AFTER_MARK = re.compile(rb" (\d+) ([-\w]*) ?([^\n]*?)\r?\n")
_BOOT = "/proc/sys/kernel/random/boot_id"
_HELPER = 's=; test -r /proc/$PPID/stat && read -r s </proc/$PPID/stat; echo "MARK $PPID  $s"'
_POSIX = (
    f"test $?shell = 1 || test -r {_BOOT} && read -r cockpit_boot <{_BOOT}; "
    "test $?shell = 1 || test -r /proc/$$/stat && read -r cockpit </proc/$$/stat; "
    'test $?shell = 1 || echo "MARK $$ $cockpit_boot $cockpit"; '
    "unset cockpit cockpit_boot"
)
_CSH = "test $?shell = 1 && /bin/sh -c " + re.sub(r"([^\w/])", r"\\\1", _HELPER)
_FISH = '/bin/sh -c "' + re.sub(r'([$"])', r"\\\1", _HELPER) + '"'
_LINE = rf"true cockpit '\'; {_POSIX}; {_CSH}; true '\'; true '\' '; {_FISH}; true \'"

SH = f'[ -r {_BOOT} ] && read -r b <{_BOOT}; [ -r /proc/$$/stat ] && read -r s </proc/$$/stat; echo "$1 $$ $b $s"; '
"""The same for a script of /bin/sh, whose $1 is the mark."""


def line(mark: str) -> str:
    """What goes before a command, with its line end."""
    return _LINE.replace("MARK", mark) + "\n"


class Announced(Struct, frozen=True):
    """A process, so that no other is ever taken for it."""

    pid: int
    born: str = ""
    """Clock ticks from the start of the machine to its own (field 22 of proc(5) stat); "" where there is no /proc."""
    boot: str = ""
    """The machine's boot_id: another machine, or this one after a restart, has another."""


class Announcement:
    """Takes the announcement out of the output. The mark is new for each command, and only its first use counts."""

    def __init__(self, mark: str) -> None:
        self.who: Announced | None = None
        self.awaited = True
        self.mark = mark
        self._mark = mark.encode()
        self._held = b""
        self._passed = 0

    def feed(self, data: bytes) -> bytes:
        """Output of stdout -> what of it goes on; what stands before the announcement was said by login scripts."""
        if not self.awaited:
            return data
        data = self._held + data
        found = self._found(data)
        if found is not None:
            self.who, self.awaited, self._held = _announced(found), False, b""
            return data[: found.start() - len(self._mark)] + data[found.end() :]
        begun = self._begun(data)
        goes, self._held = data[:begun], data[begun:]
        self._passed += len(goes)
        if self._passed > NOISE_BYTES or len(self._held) > LINE_BYTES:
            self.awaited = False
            return goes + self.release()
        return goes

    def release(self) -> bytes:
        """No more will come: what was held back."""
        held, self._held = self._held, b""
        return held

    def _found(self, data: bytes) -> re.Match[bytes] | None:
        """What follows the mark. A pattern of each mark would cost 0.2 ms a host to compile."""
        place = data.find(self._mark)
        while place >= 0:
            found = _AFTER_MARK.match(data, place + len(self._mark))
            if found is not None:
                return found
            place = data.find(self._mark, place + 1)
        return None

    def _begun(self, data: bytes) -> int:
        """Where the announcement may have begun."""
        place = data.find(self._mark)
        if place >= 0:
            return place
        for length in range(min(len(self._mark) - 1, len(data)), 0, -1):
            if self._mark.startswith(data[-length:]):
                return len(data) - length
        return len(data)


def _announced(found: re.Match[bytes]) -> Announced:
    """The process's name may hold anything, so the numbers are counted from its last parenthesis."""
    fields = found[3].rpartition(b")")[2].split()
    born = fields[19].decode("ascii", "replace") if len(fields) > 19 else ""
    return Announced(int(found[1]), born if born.isdigit() else "", found[2].decode("ascii", "replace"))
