"""`cockpit pods scale`: another number of replicas."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("scale")
@click.argument("kind")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]NAME...")
@click.option("--replicas", required=True, metavar="COUNT", help="How many there shall be.")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, kind: str, names: tuple[str, ...], replicas: str, namespace: str, labels: str, source: str,
    **agreed: Any,
) -> None:  # fmt: skip
    """Scale deployments, stateful sets or replica sets, and wait until so many replicas are ready."""
    act(ctx, "scale", kind, names, Where(namespace, labels, source), Agreed(**agreed), {"replicas": replicas})
