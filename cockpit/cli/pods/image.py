"""`cockpit pods image`: another image for a container."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("image")
@click.argument("kind")
@click.argument("name", metavar="[NAMESPACE/]NAME")
@click.argument("images", nargs=-1, required=True, metavar="CONTAINER=IMAGE...")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, kind: str, name: str, images: tuple[str, ...], namespace: str, labels: str, source: str,
    **agreed: Any,
) -> None:  # fmt: skip
    """Set images of a deployment, stateful set or daemon set, and watch its rollout."""
    where = Where(namespace, labels, source)
    act(ctx, "image", kind, (name,), where, Agreed(**agreed), {"image": " ".join(images)})
