"""`cockpit schema snapshot`: the JSON Schema of what `--snapshot --format json` writes."""

from __future__ import annotations

import click


@click.command("schema", short_help="Print the JSON Schema of a format.")
@click.argument("name", type=click.Choice(["snapshot"]))
def command(name: str) -> None:
    """Print the JSON Schema of NAME."""
    import msgspec

    from cockpit.snapshot.model import Snapshot

    click.echo(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Snapshot)), indent=2).decode())
