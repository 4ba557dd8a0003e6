"""The fleet pane, wired."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.fleet.actions import actions, again
from cockpit.fleet.adapter import FleetAdapter
from cockpit.fleet.columns import COLUMNS, search
from cockpit.fleet.facts.drill_columns import PROCESS_COLUMNS, UNIT_COLUMNS, search_process, search_unit
from cockpit.fleet.facts.drill_views import process_views, unit_views
from cockpit.fleet.facts.drilled import ProcessesAdapter, UnitsAdapter
from cockpit.fleet.facts.processes import Process
from cockpit.fleet.facts.sampler import Turns
from cockpit.fleet.facts.signals import process_target, signal_actions
from cockpit.fleet.facts.unit_actions import unit_actions, unit_target
from cockpit.fleet.facts.units import Unit
from cockpit.fleet.files.actions import file_actions
from cockpit.fleet.host import Host
from cockpit.fleet.report import report
from cockpit.fleet.roster import Roster
from cockpit.fleet.run.order import Order
from cockpit.fleet.shell.actions import shell_actions
from cockpit.fleet.trusting import trust_actions
from cockpit.fleet.views import unreachable, views
from cockpit.session.pane import Drill, Pane
from cockpit.tasks.action import Job, Target

HINT = (
    'no hosts; write [[fleet.hosts]] with name = "web1" and address = "10.0.0.1", '
    'or inventories = ["~/.ssh/config"] under [fleet]'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPane(Pane[Host]):
    """The pane, and the fleet behind it: machines, connections, past runs."""

    roster: Roster

    def again(self, order: Order, names: Sequence[str], password: str = "") -> Job:
        """A run once more, on these of its hosts; `password` is for its sudo. Raises errors.Refused."""
        return again(self.roster, order, names, password)


def build(settings: Settings, *, roster: Roster | None = None) -> FleetPane:
    """No I/O: the feed reads the inventories when it is run, and its connections close when it ends."""
    fleet = settings.fleet
    known = roster or Roster(fleet)
    turns = Turns()
    adapters = [FleetAdapter(known, source, turns) for source in known.sources]
    production = {adapter.name for adapter in adapters if fleet.production or fleet.production_hosts}
    if any(host.production for host in fleet.hosts):
        production.add(adapters[0].name)
    return FleetPane(
        roster=known,
        name="fleet",
        title="Fleet",
        feed=Feed(adapters, hint=HINT),
        columns=COLUMNS,
        sort="host",
        report=report,
        target=_target,
        search=search,
        subject=lambda host: host.name,
        actions=(*actions(known), *shell_actions(known), *file_actions(known), *trust_actions(known)),
        views=views(known),
        drills=_drills(known),
        pending=lambda host: host.pending,
        notes=lambda: [*([fleet.note] if fleet.note else []), *known.notes],
        production=frozenset(production),
        read_only=fleet.read_only,
    )


def _target(host: Host) -> Target:
    return Target(f"fleet/{host.name}", host.name, host.production, host.read_only)


def _drills(roster: Roster) -> tuple[Drill[Host], ...]:
    def processes(host: Host) -> Pane[Process]:
        return _processes(roster, host)

    def units(host: Host) -> Pane[Unit]:
        return _units(roster, host)

    return (
        Drill("fleet.processes", "Processes", "p", processes, unreachable, _offered(processes)),
        Drill("fleet.units", "Units", "U", units, unreachable, _offered(units)),
    )


def _offered(opened: Callable[[Host], Pane[Any]]) -> tuple[tuple[str, str, str], ...]:
    """What the pane of any host offers: (id, keys, title)."""
    pane = opened(Host("", "", "", ""))
    views = ((view.id, view.key, view.title) for view in pane.views)
    return (*views, *((action.id, action.key, action.title) for action in pane.actions))


def _processes(roster: Roster, host: Host) -> Pane[Process]:
    return Pane(
        name="processes",
        title="Processes",
        feed=Feed([ProcessesAdapter(roster, host)]),
        columns=PROCESS_COLUMNS,
        sort="cpu",
        descending=True,
        report=lambda process, _: process,
        target=lambda process: process_target(host, process),
        search=search_process,
        subject=lambda process: process.name,
        actions=signal_actions(roster, host),
        views=process_views(roster, host),
        production=frozenset({host.name} if host.production else ()),
        read_only=host.read_only,
    )


def _units(roster: Roster, host: Host) -> Pane[Unit]:
    return Pane(
        name="units",
        title="Units",
        feed=Feed([UnitsAdapter(roster, host)]),
        columns=UNIT_COLUMNS,
        sort="active",
        report=lambda unit, _: unit,
        target=lambda unit: unit_target(host, unit),
        search=search_unit,
        subject=lambda unit: unit.name,
        actions=unit_actions(roster, host),
        views=unit_views(roster, host),
        production=frozenset({host.name} if host.production else ()),
        read_only=host.read_only,
    )
