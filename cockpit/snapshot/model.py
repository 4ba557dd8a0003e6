"""The snapshot as data: what `--format json` writes and `cockpit schema snapshot` describes."""

from __future__ import annotations

import datetime
from typing import Generic, Literal, TypeVar

from msgspec import UNSET, Struct, UnsetType

from cockpit.fleet.report import HostReport
from cockpit.metrics.report import PanelReport
from cockpit.pipelines.report import RunReport
from cockpit.pods.kinds.pod.report import PodReport

SCHEMA = 1
"""Goes up when a reader of the JSON would break."""

State = Literal["live", "stale", "denied", "unconfigured"]
Item = TypeVar("Item")


class SourceReport(Struct, frozen=True):
    """One configured source."""

    name: str
    state: State
    age_seconds: float | None
    """Seconds since the source was last known to be right; null: never read."""
    error: str | None
    """Why it is not live, and what to do."""


class PaneReport(Struct, Generic[Item], frozen=True):
    """One pane: `state` is the worst of its sources."""

    state: State
    sources: list[SourceReport]
    items: list[Item]


class Panes(Struct, frozen=True):
    """The panes that were asked for."""

    fleet: PaneReport[HostReport] | UnsetType = UNSET
    pods: PaneReport[PodReport] | UnsetType = UNSET
    metrics: PaneReport[PanelReport] | UnsetType = UNSET
    pipelines: PaneReport[RunReport] | UnsetType = UNSET


class Snapshot(Struct, frozen=True, kw_only=True):
    """Everything, as it was at `taken_at`."""

    schema: int = SCHEMA
    taken_at: datetime.datetime
    panes: Panes
