"""One run of cockpit, wired: settings -> adapters, feeds, actions, tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cockpit.alerts.alert import Alert
from cockpit.config.settings import Settings
from cockpit.feeds.feed import Feed
from cockpit.session import alerts
from cockpit.session.pane import Pane
from cockpit.session.panes import build_panes
from cockpit.tasks.manager import TaskManager


@dataclass(frozen=True, slots=True)
class Session:
    """What the terminal works with. Building it reads nothing from any service: feeds start when they are run."""

    settings: Settings
    panes: Mapping[str, Pane[Any]]
    """By name, in the order of the screen: fleet, pods, metrics, pipelines."""
    alerts: Feed[Alert]
    """What fires now, for the header."""
    tasks: TaskManager
    read_only: bool


@asynccontextmanager
async def open_session(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Session]:
    """A session with its task manager open; leaving it drains the tasks."""
    async with TaskManager.open() as tasks:
        yield Session(
            settings, build_panes(settings), alerts.build(settings), tasks, read_only or settings.ui.read_only
        )
