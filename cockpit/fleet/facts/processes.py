"""The processes of one host, every two seconds over one channel, with what each takes now.

From /proc/PID/stat (proc(5)), for its processor time and start are exact: what ps calls %CPU is an average over a life.
User and command line come from ps, which procps and busybox understand in different words.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from cockpit.fleet.facts.details import sections_of
from cockpit.fleet.facts.dialogue import PREPARE, loop
from cockpit.fleet.facts.sample import number, whole
from cockpit.model import clock

COMMAND_CHARS = 600
SCRIPT = loop(
    PREPARE,
    """
form() {
  if ps -eo pid=,user:32= >/dev/null; then form="-ewwo pid=,user:32=,args="; else form="-o pid,user,args"; fi
}
list() {
  prepare
  [ "$form" ] || form
  echo "$mark begin"
  echo "= measures"; echo "$page $tick"
  echo "= memory"; read -r line </proc/meminfo; echo "$line"
  echo "= ps"; LC_ALL=C.UTF-8 ps $form | cut -c 1-COUNT
  echo "= stat"; cat /proc/uptime /proc/[0-9]*/stat | awk -v own="$own" '
NF == 2 { print "up", $1; next }
{
  match($0, /.*[)]/); head = index($0, "("); split(substr($0, RLENGTH + 2), f, " ")
  if (f[4] != own) print $1, f[1], f[2], f[12], f[13], f[20], f[22], f[7], substr($0, head + 1, RLENGTH - head - 1)
}'
  echo "$mark end"
}
""".replace("COUNT", str(COMMAND_CHARS)),
    answers="processes) list ;;",
)
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD (linux/sched.h) among the flags of /proc/PID/stat."""
QUESTION = "processes"
MOST_BYTES = 8 * 2**20
"""Of one answer: 10,000 processes with command lines of the greatest length."""


class Process(Struct, frozen=True, gc=False):
    """One process of a host. A pid alone is reused: pid and start together are not, until the next boot."""

    key: str
    """"PID/START"."""
    pid: int
    start: int
    """Ticks since boot, field 22 of /proc/PID/stat."""
    parent: int
    user: str
    """"" where there is no ps."""
    state: str
    """As ps: R, S, D, Z, T, I ..."""
    cpu_ratio: float | None
    """Of one processor, between the last two looks; None: not looked at twice yet."""
    memory_ratio: float | None
    """Resident share of the host's memory."""
    memory_bytes: int
    """Resident set size."""
    cpu_seconds: float
    """Processor time since it began, its own alone."""
    started_at: float
    """Unix seconds, by our clock."""
    name: str
    """As the kernel has it: 15 bytes."""
    command: str
    """The command line, or the name in brackets where there is none."""
    kernel: bool
    """A thread of the kernel."""

    @property
    def label(self) -> str:
        """As questions name it."""
        return f"{self.pid} {self.name}"


class Listing(Struct, frozen=True):
    """One look."""

    processes: tuple[Process, ...]
    uptime_seconds: float


NOTHING = Listing((), 0.0)


def parse(answer: bytes, before: Listing = NOTHING) -> Listing:
    """Any bytes are allowed; lines that make no sense are left out. Takes 10 us a process: many belong in a thread."""
    sections = dict(sections_of(answer))
    measures = (sections.get("measures") or [""])[0].encode().split()
    page, tick = (*map(whole, measures), None, None)[:2]
    memory = (sections.get("memory") or [""])[0].encode().split()
    total = (whole(memory[1]) or 0) * 1024 if len(memory) > 1 else 0
    lines = sections.get("stat", [])
    uptime = next((number(line[3:].encode()) for line in lines if line.startswith("up ")), None) or 0.0
    look = _Look(page or 4096, tick or 100, total, uptime, before, _commands(sections.get("ps", [])))
    return Listing(tuple(process for line in lines if (process := look.process(line)) is not None), uptime)


def _commands(lines: list[str]) -> Mapping[int, tuple[str, str]]:
    found: dict[int, tuple[str, str]] = {}
    for line in lines:
        words = line.split(None, 2)
        if len(words) == 3 and words[0].isascii() and words[0].isdigit():
            found[int(words[0][:18])] = words[1], words[2]
    return found


class _Look:
    """What the lines of one look have in common."""

    def __init__(
        self,
        page: int,
        tick: int,
        total: int,
        uptime: float,
        before: Listing,
        commands: Mapping[int, tuple[str, str]],
    ) -> None:
        self._page, self._tick, self._total, self._uptime = page, tick, total, uptime
        self._commands = commands
        self._seconds = uptime - before.uptime_seconds if before.uptime_seconds else 0.0
        self._known = {process.key: process for process in before.processes}
        self._booted_at = clock.wall() - uptime

    def process(self, line: str) -> Process | None:
        words = line.split(" ", 8)
        if len(words) < 9:
            return None
        counts = [whole(words[place].encode()) for place in (0, 2, 3, 4, 5, 6, 7)]
        if None in counts:
            return None
        pid, parent, user_ticks, system_ticks, start, pages, flags = (count or 0 for count in counts)
        key = f"{pid}/{start}"
        seconds = (user_ticks + system_ticks) / self._tick
        known = self._known.get(key)
        user, command = self._commands.get(pid, ("", ""))
        return Process(
            key=key,
            pid=pid,
            start=start,
            parent=parent,
            user=user,
            state=words[1],
            cpu_ratio=self._cpu(known, seconds),
            memory_ratio=pages * self._page / self._total if self._total else None,
            memory_bytes=pages * self._page,
            cpu_seconds=seconds,
            started_at=known.started_at if known is not None else self._booted_at + start / self._tick,
            name=words[8],
            command=command or f"[{words[8]}]",
            kernel=bool(flags & _KERNEL_THREAD),
        )

    def _cpu(self, known: Process | None, seconds: float) -> float | None:
        """Of one that the look before did not see: what it has used since it began, which was after that."""
        if self._seconds <= 0:
            return None
        return max(0.0, seconds - (known.cpu_seconds if known is not None else 0.0)) / self._seconds
