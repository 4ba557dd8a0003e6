"""More of one host, read from it: nothing here changes anything."""

from __future__ import annotations

import codecs
import shlex
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cockpit.fleet.engine.remote import sent
from cockpit.fleet.host import Host
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.listing.views import View
from cockpit.model import errors
from cockpit.model.units import human_duration

LINE_CHARS = 4096
"""A longer line is cut into several."""

_DESCRIBE = """
uname -srm
( . /etc/os-release && echo "$PRETTY_NAME" ) 2>/dev/null
uptime 2>/dev/null
[ -e /var/run/reboot-required ] && echo 'a reboot is pending'
echo; echo MEMORY; free -h 2>/dev/null || head -n 5 /proc/meminfo
echo; echo DISKS; df -h -x tmpfs -x devtmpfs -x overlay 2>/dev/null || df -h
echo; echo LOGGED IN; who 2>/dev/null
if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then
  echo; echo FAILED UNITS; systemctl --failed --no-legend --plain --no-pager
fi
true
"""
_PROCESSES = (
    "ps -eo pid,user,pcpu,pmem,etime,args --sort=-pcpu 2>/dev/null | head -n 60 "
    "|| { echo 'there is no ps on this host' >&2; false; }"
)
_JOURNAL = """
if command -v journalctl >/dev/null && [ -d /run/systemd/system ]; then exec journalctl -n 200 -f --no-pager; fi
for file in /var/log/syslog /var/log/messages; do [ -r $file ] && exec tail -n 200 -F $file; done
if dmesg >/dev/null 2>&1; then dmesg | tail -n 200; else echo 'no journal, no syslog, and dmesg is refused'; fi
"""


def views(roster: Roster) -> tuple[View[Host], ...]:
    """The catalogue of the pane."""

    def describe(host: Host) -> AsyncIterator[str]:
        return _described(roster, host)

    def processes(host: Host) -> AsyncIterator[str]:
        return _lines(roster, host, _PROCESSES)

    def journal(host: Host) -> AsyncIterator[str]:
        return _lines(roster, host, _JOURNAL)

    return (
        View("fleet.describe", "Describe", "d", describe),
        View("fleet.journal", "Journal", "l", journal, disabled=_unreachable, follow=True),
        View("fleet.processes", "Processes", "p", processes, disabled=_unreachable),
    )


def _unreachable(host: Host) -> str | None:
    return f"{host.name} is {host.state}" if host.state.startswith("unsupported") else None


async def _described(roster: Roster, host: Host) -> AsyncGenerator[str, None]:
    machine = _machine(roster, host)
    facts = {
        "name": host.name,
        "address": host.address,
        "user": machine.user if machine.transport == "ssh" else "",
        "transport": machine.transport,
        "inventory": machine.source,
        "roles": ", ".join(host.roles),
        "env": host.env,
        "production": "yes" if host.production else "",
        "read only": "yes" if host.read_only else "",
        "identity": ", ".join(machine.identities),
        "known hosts": ", ".join(machine.known_hosts) if machine.transport == "ssh" else "",
        "state": host.state,
        "error": host.error,
        "up for": "" if host.uptime_seconds is None else human_duration(host.uptime_seconds),
    }
    for word, value in facts.items():
        if value:
            yield f"{word + ':':<13}{value}"
    if machine.unsupported:
        return
    yield ""
    async with aclosing(_lines(roster, host, _DESCRIBE)) as lines:
        async for line in lines:
            yield line


def _machine(roster: Roster, host: Host) -> Machine:
    machine = roster.machine(host.key)
    if machine is None:
        raise errors.NotFound(f"{host.name} is no longer in the inventory")
    return machine


async def _lines(roster: Roster, host: Host, script: str) -> AsyncGenerator[str, None]:
    """The output of a script, both streams, as lines; closing it ends the script on the host."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    line = f"exec /bin/sh -c {shlex.quote(script)}"
    async with roster.pool.used() as pool, sent(pool, _machine(roster, host), line) as remote:
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
