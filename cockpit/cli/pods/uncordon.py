"""`cockpit pods uncordon`: a node takes pods again."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("uncordon")
@click.argument("names", nargs=-1, metavar="NODE...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], namespace: str, labels: str, source: str, **agreed: Any
) -> None:
    """Nodes take pods again."""
    act(ctx, "uncordon", "nodes", names, Where(namespace, labels, source), Agreed(**agreed))
