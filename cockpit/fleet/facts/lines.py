"""The output of a script on a host as lines, and the scripts that read a journal."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator

from cockpit.fleet.engine.remote import sent
from cockpit.fleet.facts.drilled import machine_of
from cockpit.fleet.facts.posix import command_line
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.model import errors

LINE_CHARS = 4096
"""A longer line is cut into several."""
LINES = 500
"""Of a journal: before what comes, and at most of its warnings."""

WARNINGS = f"""
if command -v journalctl >/dev/null && [ -d /run/systemd/system ]; then
  exec journalctl --no-pager -q -p warning --since=-1h -n {LINES}
fi
echo 'no journal on this host; what its kernel says:'
dmesg -l emerg,alert,crit,err,warn 2>&1 | tail -n {LINES}
"""
JOURNAL = f"""
if command -v journalctl >/dev/null && [ -d /run/systemd/system ]; then exec journalctl --no-pager -q -n {LINES} -f; fi
for file in /var/log/syslog /var/log/messages; do [ -r $file ] && exec tail -n {LINES} -F $file; done
if dmesg >/dev/null 2>&1; then dmesg | tail -n {LINES}; else echo 'no journal, no syslog, and dmesg is refused'; fi
"""


async def script_lines(roster: Roster, host: Host, script: str) -> AsyncGenerator[str, None]:
    """The output of a script, both streams, as lines; closing it ends the script on the host."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    async with roster.pool.used() as pool, sent(pool, machine_of(roster, host), command_line(script)) as remote:
        while (chunk := await remote.read()) is not None:
            *lines, rest = (rest + decoder.decode(chunk.data)).split("\n")
            while len(rest) > LINE_CHARS:
                lines.append(rest[:LINE_CHARS])
                rest = rest[LINE_CHARS:]
            for line in lines:
                yield line.removesuffix("\r")
        if rest:
            yield rest
        if not remote.ending.known:
            raise errors.Unreachable(f"{host.name}: the connection was lost ({remote.ending.lost})")
