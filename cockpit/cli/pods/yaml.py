"""`cockpit pods yaml`: an object as the server has it."""

from __future__ import annotations

import click

from cockpit.cli.pods.chosen import Where, where_options
from cockpit.cli.pods.looking import look


@click.command("yaml")
@click.argument("kind")
@click.argument("name", metavar="[NAMESPACE/]NAME")
@where_options
@click.pass_context
def command(ctx: click.Context, kind: str, name: str, namespace: str, labels: str, source: str) -> None:
    """An object as it is now, in YAML; values that look like secrets are masked."""
    look(ctx, "yaml", kind, name, Where(namespace, labels, source))
