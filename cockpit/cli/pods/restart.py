"""`cockpit pods restart`: a pod, by deleting it for its controller to make another."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("restart")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]POD...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], namespace: str, labels: str, source: str, **agreed: Any
) -> None:
    """Restart pods: each is deleted and waited for until it is gone. For whole workloads: cockpit pods rollout."""
    act(ctx, "restart", "pods", names, Where(namespace, labels, source), Agreed(**agreed))
