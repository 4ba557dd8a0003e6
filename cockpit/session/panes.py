"""The panes of one configuration, in the order of the screen."""

from __future__ import annotations

from typing import Any

from cockpit.config.settings import Settings
from cockpit.session import fleet, metrics, pipelines, pods
from cockpit.session.pane import Pane


def build_panes(settings: Settings) -> dict[str, Pane[Any]]:
    """By name. No I/O: feeds start when they are run."""
    built: tuple[Pane[Any], ...] = (
        fleet.build(settings),
        pods.build(settings),
        metrics.build(settings),
        pipelines.build(settings),
    )
    return {pane.name: pane for pane in built}
