"""`cockpit pods describe`: an object in words."""

from __future__ import annotations

import click

from cockpit.cli.pods.chosen import Where, where_options
from cockpit.cli.pods.looking import look


@click.command("describe")
@click.argument("kind")
@click.argument("name", metavar="[NAMESPACE/]NAME")
@where_options
@click.pass_context
def command(ctx: click.Context, kind: str, name: str, namespace: str, labels: str, source: str) -> None:
    """How an object is, and what happened to it."""
    look(ctx, "describe", kind, name, Where(namespace, labels, source))
