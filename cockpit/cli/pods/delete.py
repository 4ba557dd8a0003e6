"""`cockpit pods delete`: an object of any kind."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options


@click.command("delete")
@click.argument("kind")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]NAME...")
@click.option("--grace", metavar="SECONDS", default="", help="Instead of the pod's own grace period.")
@click.option("--force", is_flag=True, help="Without grace; needs --confirm with the name, or the count of several.")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, kind: str, names: tuple[str, ...], grace: str, force: bool, namespace: str, labels: str,
    source: str, **agreed: Any,
) -> None:  # fmt: skip
    """Delete objects of any kind, custom ones too, and wait until they are gone."""
    where, consent = Where(namespace, labels, source), Agreed(**agreed)
    if force and grace:
        raise click.UsageError("--force is --grace 0; write one of them")
    if force:
        typed = consent.confirm
        act(ctx, "force", kind, names, where, consent, {"typed": typed, "grace": "0"})
    act(ctx, "delete", kind, names, where, consent, {"grace": grace})
