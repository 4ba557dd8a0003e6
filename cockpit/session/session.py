"""One run of cockpit, wired: settings -> adapters, feeds, actions, tasks. The terminal, the snapshot and the headless
commands are three users of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cockpit.alerts.alert import Alert
from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.session import alerts, fleet, metrics, pipelines, pods
from cockpit.session.pane import Pane
from cockpit.tasks.manager import TaskManager


@dataclass(frozen=True, slots=True)
class Session:
    """Everything that a user of cockpit needs. Building it does no I/O: feeds start when they are run."""

    settings: Settings
    panes: Mapping[str, Pane[Any]]
    """By name, in the order of the screen: fleet, pods, metrics, pipelines."""
    alerts: Feed[Alert]
    """What fires now, for the header."""
    tasks: TaskManager
    read_only: bool


@asynccontextmanager
async def open_session(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Session]:
    """A session with its task manager open; leaving drains the tasks and closes the panes' connections."""
    async with TaskManager.open() as tasks:
        panes: dict[str, Pane[Any]] = {
            pane.name: pane
            for pane in (fleet.build(settings), pods.build(settings), metrics.build(settings), pipelines.build(settings))
        }
        yield Session(settings, panes, alerts.build(settings), tasks, read_only or settings.ui.read_only)
