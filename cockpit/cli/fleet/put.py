"""`cockpit fleet put`: files and folders to many hosts."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.copying import Copying, consent, options


@click.command("put")
@click.argument("selection", shell_complete=complete.selection)
@click.argument("local", nargs=-1, required=True, type=click.Path())
@click.argument("remote")
@options
@consent
@click.pass_context
def command(
    ctx: click.Context,
    /,
    selection: str,
    local: tuple[str, ...],
    remote: str,
    yes: int | None,
    dry_run: bool,
    format_: str,
    **asked: Any,
) -> None:
    """Put LOCAL files and folders on the hosts of SELECTION: into the folder REMOTE, or one of them as REMOTE.

    Bytes, permissions and times are kept, links stay links. Everything is staged beside its place and checked, and then
    renamed into it: what stands there is whole at any moment, also when a disk is full or a connection is cut. Ends
    with 0 when every host succeeded, 1 when some did not, 130 when interrupted.
    """
    from cockpit.fleet.files.orders import Way

    copying = Copying(ctx, selection, format_)
    copying.send(copying.asked(local, remote, asked), Way.PUT, yes=yes, dry_run=dry_run)
