"""What a cockpit without any configuration shows: what is there on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from msgspec.structs import replace

from cockpit.config.settings import Fleet, Settings
from cockpit.fleet import discover as fleet
from cockpit.metrics import discover as metrics
from cockpit.pipelines import discover as pipelines
from cockpit.pods import discover as pods

if TYPE_CHECKING:
    from cockpit.session.session import Session


def quick() -> Settings:
    """What files tell: the kubeconfig and ~/.ssh/config. Blocking, a few milliseconds."""
    return Settings(pods=pods.sources(), fleet=Fleet(inventories=fleet.inventories()))


async def network(settings: Settings) -> Settings:
    """The settings with what answers on loopback within a third of a second, where they name nothing yet."""
    found_metrics, found_pipelines = await asyncio.gather(metrics.sources(), pipelines.sources())
    return replace(
        settings,
        metrics=settings.metrics or found_metrics,
        pipelines=settings.pipelines or found_pipelines,
    )


@asynccontextmanager
async def open_discovered(settings: Settings, *, read_only: bool = False) -> AsyncIterator[Session]:
    """`open_session` once the network was asked: for the terminal, which paints before it opens its session."""
    opener = await asyncio.to_thread(_import)
    async with opener(await network(settings), read_only=read_only) as session:
        yield session


def _import() -> Callable[..., AbstractAsyncContextManager[Session]]:
    from cockpit.session.session import open_session

    return open_session
