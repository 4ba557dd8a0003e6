"""`cockpit serve`."""

from __future__ import annotations

import click
from msgspec import structs


@click.command("serve")
@click.option("--listen", metavar="ADDRESS:PORT", help="Where to listen; port 0 takes a free one.")
@click.option("--data", metavar="FOLDER", help="Where queue, runs and logs are kept.")
@click.pass_context
def command(ctx: click.Context, listen: str | None, data: str | None) -> None:
    """Run the CI server: webhooks in, runs out. Reads [server] of the configuration.

    Ends on SIGTERM or Ctrl-C within 15 seconds; runs that were going are run again at the next start.
    """
    import asyncio
    import logging

    from cockpit.model.errors import SourceError
    from cockpit.server.serve import CannotServe, serve

    said = logging.StreamHandler()
    said.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("cockpit.server").addHandler(said)
    settings = ctx.find_root().obj.settings().server
    changed = {key: value for key, value in (("listen", listen), ("data", data)) if value is not None}
    try:
        asyncio.run(serve(structs.replace(settings, **changed), lambda url: click.echo(f"cockpit serve: {url}")))
    except (CannotServe, SourceError) as error:
        raise click.ClickException(str(error)) from None
