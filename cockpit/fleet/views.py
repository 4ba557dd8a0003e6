"""More of one host, read from it: nothing here changes anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from cockpit.fleet.facts.drilled import machine_of
from cockpit.fleet.facts.lines import JOURNAL, WARNINGS, script_lines
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.listing.views import View
from cockpit.model.units import human_duration

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


def views(roster: Roster) -> tuple[View[Host], ...]:
    """The catalogue of the pane."""

    def describe(host: Host) -> AsyncIterator[str]:
        return _described(roster, host)

    def journal(host: Host) -> AsyncIterator[str]:
        return script_lines(roster, host, JOURNAL)

    def warnings(host: Host) -> AsyncIterator[str]:
        return script_lines(roster, host, WARNINGS)

    return (
        View("fleet.describe", "Describe", "d", describe),
        View("fleet.journal", "Journal", "l", journal, disabled=unreachable, follow=True),
        View("fleet.warnings", "Warnings of the last hour", "e", warnings, disabled=unreachable),
    )


def unreachable(host: Host) -> str | None:
    """Why nothing can be asked of it."""
    return f"{host.name} is {host.state}" if host.state.startswith("unsupported") else None


async def _described(roster: Roster, host: Host) -> AsyncGenerator[str, None]:
    machine = machine_of(roster, host)
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
    async with aclosing(script_lines(roster, host, _DESCRIBE)) as lines:
        async for line in lines:
            yield line
