"""`cockpit pods cordon`: a node takes no new pods."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("cordon")
@click.argument("names", nargs=-1, metavar="NODE...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], namespace: str, labels: str, source: str, **agreed: Any
) -> None:
    """Nodes take no new pods from now on; those that are there stay."""
    act(ctx, "cordon", "nodes", names, Where(namespace, labels, source), Agreed(**agreed))
