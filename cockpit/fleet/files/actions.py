"""What the pane can do with files of hosts: put, get, and sync of a tree."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from cockpit.fleet.files.jobs import Asked, compare_job, get_job, send_job
from cockpit.fleet.files.orders import Way
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.model import errors
from cockpit.tasks.action import Action, Input, Job, Risk

COMPARE = "compare"
_WAYS = {"copy": Way.COPY, "mirror": Way.MIRROR, "release": Way.RELEASE}


def file_actions(roster: Roster) -> tuple[Action[Host], ...]:
    """The catalogue of the pane. Paths here begin at the working directory, or with ~/."""

    def asked(hosts: Sequence[Host], inputs: Mapping[str, str]) -> Asked:
        local = os.path.expanduser(inputs.get("local", "").strip())
        return Asked(machines=roster.of(hosts), local=(local,), remote=inputs.get("remote", "").strip())

    def put(hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        return send_job(roster, asked(hosts, inputs), Way.PUT)

    def get(hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        return get_job(roster, asked(hosts, inputs))

    def sync(hosts: Sequence[Host], inputs: Mapping[str, str]) -> Job:
        how = inputs.get("how", "").strip() or COMPARE
        if how == COMPARE:
            return compare_job(roster, asked(hosts, inputs), Way.MIRROR)
        if how not in _WAYS:
            raise errors.Refused(f"{how!r} is no way to sync; write {COMPARE}, {', '.join(_WAYS)}")
        return send_job(roster, asked(hosts, inputs), _WAYS[how])

    there = Input("remote", "Path there", hint="absolute, or from the home folder of the login")
    return (
        Action(
            id="fleet.put",
            title="Put a file or folder",
            key=">",
            risk=Risk.DISRUPTIVE,
            bind=put,
            disabled=_why_not,
            inputs=(
                Input("local", "File or folder here"),
                Input("remote", "Path there", hint="a folder to put it into, or its new name"),
            ),
        ),
        Action(
            id="fleet.get",
            title="Get a file or folder",
            key="<",
            risk=Risk.SAFE,
            bind=get,
            inputs=(there, Input("local", "Folder here", default=".", hint="several hosts: a folder for each in it")),
        ),
        Action(
            id="fleet.sync",
            title="Sync a folder",
            key="=",
            risk=Risk.DISRUPTIVE,
            bind=sync,
            disabled=_why_not,
            inputs=(
                Input("local", "Folder here"),
                there,
                Input("how", "How", default=COMPARE, hint="compare: only say; copy; mirror: delete too; release"),
            ),
        ),
    )


def _why_not(hosts: Sequence[Host]) -> str | None:
    locked = next((host.name for host in hosts if host.read_only), None)
    return f"{locked} is read-only" if locked else None
