"""`cockpit pods suspend`: a cron job makes no jobs."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("suspend")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]CRONJOB...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], namespace: str, labels: str, source: str, **agreed: Any
) -> None:
    """Cron jobs make no jobs from now on; those that run go on."""
    act(ctx, "suspend", "cronjobs", names, Where(namespace, labels, source), Agreed(**agreed))
