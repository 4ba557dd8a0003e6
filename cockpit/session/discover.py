"""What a cockpit without any configuration shows: what is there on this machine."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from cockpit.config.settings import Fleet, Settings
from cockpit.fleet import discover as fleet
from cockpit.metrics import discover as metrics
from cockpit.pipelines import discover as pipelines
from cockpit.pods import discover as pods


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
