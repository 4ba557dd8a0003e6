"""The fleet pane, wired."""

from __future__ import annotations

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.fleet import host as states
from cockpit.fleet.actions import actions
from cockpit.fleet.adapter import FleetAdapter
from cockpit.fleet.columns import COLUMNS, search
from cockpit.fleet.files.actions import file_actions
from cockpit.fleet.host import Host
from cockpit.fleet.report import report
from cockpit.fleet.roster import Roster
from cockpit.fleet.views import views
from cockpit.session.pane import Pane
from cockpit.tasks.action import Target

HINT = (
    'no hosts; write [[fleet.hosts]] with name = "web1" and address = "10.0.0.1", '
    'or inventories = ["~/.ssh/config"] under [fleet]'
)


def build(settings: Settings, *, roster: Roster | None = None) -> Pane[Host]:
    """No I/O: the feed reads the inventories when it is run, and its connections close when it ends."""
    fleet = settings.fleet
    known = roster or Roster(fleet)
    adapters = [FleetAdapter(known, source) for source in known.sources]
    production = {adapter.name for adapter in adapters if fleet.production or fleet.production_hosts}
    if any(host.production for host in fleet.hosts):
        production.add(adapters[0].name)
    return Pane(
        name="fleet",
        title="Fleet",
        feed=Feed(adapters, hint=HINT),
        columns=COLUMNS,
        sort="host",
        report=report,
        target=_target,
        search=search,
        subject=lambda host: host.name,
        actions=(*actions(known), *file_actions(known)),
        views=views(known),
        pending=lambda host: host.state == states.CONNECTING,
        notes=(fleet.note,) if fleet.note else (),
        production=frozenset(production),
        read_only=fleet.read_only,
    )


def _target(host: Host) -> Target:
    return Target(f"fleet/{host.name}", host.name, host.production, host.read_only)
