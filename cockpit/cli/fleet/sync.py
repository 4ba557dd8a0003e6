"""`cockpit fleet sync`: a tree on many hosts as it is here."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.copying import Copying, consent, options
from cockpit.cli.say import refuse


@click.command("sync")
@click.argument("selection", shell_complete=complete.selection)
@click.argument("local", metavar="LOCALTREE", type=click.Path())
@click.argument("remote")
@click.option("--delete", is_flag=True, help="Remove what is only there; --dry-run lists it.")
@click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Leave these alone, here and there.")
@click.option("--release", is_flag=True, help="Make a release of it, and move the link REMOTE to that in one step.")
@click.option("--keep", type=click.IntRange(0), default=5, show_default=True, help="Old releases that stay.")
@options
@consent
@click.pass_context
def command(
    ctx: click.Context,
    /,
    selection: str,
    local: str,
    remote: str,
    delete: bool,
    excludes: tuple[str, ...],
    release: bool,
    keep: int,
    yes: int | None,
    dry_run: bool,
    format_: str,
    **asked: Any,
) -> None:
    """Make the folder REMOTE on the hosts of SELECTION like LOCALTREE. Only what differs is sent.

    It is staged beside the folder and checked; then each file is renamed into its place. With --release REMOTE is a
    link to a folder in `releases` beside it: a new one is made, which shares what has not changed with the last one,
    and the link is moved to it. A GLOB with a slash is about the path from the top, one without about any name. Ends
    with 0 when every host succeeded, 1 when some did not, 130 when interrupted.
    """
    from cockpit.fleet.files.orders import Way

    if release and delete:
        refuse(["a release holds what is here and nothing else; leave --delete out"])
    way = Way.RELEASE if release else Way.MIRROR if delete else Way.COPY
    copying = Copying(ctx, selection, format_)
    order = copying.asked((local,), remote, asked, excludes=excludes, keep=keep)
    copying.send(order, way, yes=yes, dry_run=dry_run)
