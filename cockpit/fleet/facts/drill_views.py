"""More of one process or one unit, read from its host: nothing here changes anything."""

from __future__ import annotations

import shlex

from cockpit.fleet.facts.lines import LINES, script_lines
from cockpit.fleet.facts.processes import Process
from cockpit.fleet.facts.units import Unit
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.listing.views import View


def process_views(roster: Roster, host: Host) -> tuple[View[Process], ...]:
    """The environment is left out: secrets stand there."""
    return (
        View(
            "processes.describe",
            "Describe",
            "d",
            lambda process: script_lines(roster, host, _described(process)),
        ),
    )


def unit_views(roster: Roster, host: Host) -> tuple[View[Unit], ...]:
    """Its state, its journal as it comes, and its files."""

    def view(id: str, title: str, key: str, command: str, *, follow: bool = False) -> View[Unit]:
        def script(unit: Unit) -> str:
            return f"LC_ALL=C.UTF-8 exec {command} {shlex.quote(unit.name)}"

        return View(id, title, key, lambda unit: script_lines(roster, host, script(unit)), follow=follow)

    return (
        view("units.status", "Status", "d", "systemctl status --no-pager --full --lines=50 --"),
        view("units.journal", "Journal", "l", f"journalctl --no-pager -q -n {LINES} -f -u", follow=True),
        view("units.file", "Unit file", "y", "systemctl cat --no-pager --"),
    )


def _described(process: Process) -> str:
    return f"""
cd /proc/{process.pid} 2>/dev/null || {{ echo 'it has ended'; exit; }}
read -r line <stat; set -- ${{line##*) }}
[ "${{20}}" = {process.start} ] || {{ echo 'it has ended; its pid is another process now'; exit; }}
printf 'command: '; tr '\\0\\n' '  ' <cmdline; echo
printf 'program: '; readlink exe || echo '(not shown to this user)'
printf 'folder:  '; readlink cwd || echo '(not shown to this user)'
printf 'parent:  '; tr '\\0\\n' '  ' </proc/$2/cmdline; echo "($2)"
echo; echo CGROUPS; cat cgroup
echo; echo STATUS; cat status
echo; echo LIMITS; cat limits
echo; echo OPEN FILES; ls -l fd 2>&1 | tail -n +2 | sed 's/.* \\([0-9][0-9]* ->\\)/\\1/' | head -n 200
"""
