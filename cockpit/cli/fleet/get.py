"""`cockpit fleet get`: a file or a folder from many hosts."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.copying import Copying, options


@click.command("get")
@click.argument("selection", shell_complete=complete.selection)
@click.argument("remote")
@click.argument("local", metavar="LOCALDIR", type=click.Path())
@options
@click.pass_context
def command(
    ctx: click.Context, /, selection: str, remote: str, local: str, dry_run: bool, format_: str, **asked: Any
) -> None:
    """Get the file or folder REMOTE from the hosts of SELECTION into LOCALDIR; from several into LOCALDIR/HOST each.

    Bytes, permissions and times are kept, links stay links; nothing is written outside LOCALDIR, whatever a host sends.
    What stands there is replaced only by what has come whole. Ends with 0 when every host succeeded, 1 when some did
    not, 130 when interrupted.
    """
    copying = Copying(ctx, selection, format_)
    copying.get(copying.asked((local,), remote, asked), dry_run=dry_run)
