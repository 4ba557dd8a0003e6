"""One object in words: what `describe` and `yaml` print."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NoReturn

import click

from cockpit.cli.pods.chosen import Where
from cockpit.cli.say import drawn, refuse

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.listing.views import View


def look(ctx: click.Context, view: str, word: str, name: str, where: Where) -> NoReturn:
    """Print the view ("describe", "yaml") of it. Ends the program."""
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    try:
        asyncio.run(_print(settings, view, word, name, where))
    except errors.Refused as error:
        refuse([str(error)])
    ctx.exit(0)


async def _print(settings: Settings, view: str, word: str, name: str, where: Where) -> None:
    from cockpit.cli.pods.chosen import chosen, one_source, with_source
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.kinds.pod.kind import PODS
    from cockpit.pods.views.catalogue import views
    from cockpit.pods.views.objects import object_views

    names, where = with_source(settings, (name,), where)
    source = one_source(settings, where.source)
    cluster = Cluster(source)
    async with cluster.connected():
        kind, rows = await chosen(cluster, word, names, where)
        clusters = {source.name: cluster}
        offered: tuple[View[Any], ...] = views(clusters) if kind is PODS else object_views(clusters, kind)
        shown = next(each for each in offered if each.id.rpartition(".")[2] == view)
        async with aclosing(shown.lines(rows[0])) as lines:  # type: ignore[type-var]
            async for line in lines:
                click.echo(drawn(line))
