"""`cockpit pods trigger`: a cron job now."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("trigger")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]CRONJOB...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], namespace: str, labels: str, source: str, **agreed: Any
) -> None:
    """Run cron jobs now, and watch their jobs to the end: a job that fails is a failure."""
    act(ctx, "trigger", "cronjobs", names, Where(namespace, labels, source), Agreed(**agreed))
