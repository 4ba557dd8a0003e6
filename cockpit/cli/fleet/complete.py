"""What the shell offers for SELECTION. Nothing may be said there but the offers: whatever is wrong, there are none."""

from __future__ import annotations

import os
from contextlib import redirect_stderr

import click


def selection(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """`shell_complete` of an argument: by the files of the inventories and the kept runs, and nothing is run for it."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # where logging and warnings would go
        try:
            return _offers(ctx, incomplete)
        except Exception:
            return []


def _offers(ctx: click.Context, incomplete: str) -> list[str]:
    from cockpit.cli.setup import Setup
    from cockpit.config.places import state_dir
    from cockpit.fleet.complete import complete
    from cockpit.fleet.inventory.glance import glance
    from cockpit.fleet.results.history import FOLDER, History

    root = ctx.find_root()
    setup = root.ensure_object(Setup)
    if setup.config is None:
        setup.config = root.params["config"]
    runs = [folder.name for folder in History(state_dir() / FOLDER).stamps()]
    return complete(incomplete, glance(setup.settings().fleet), runs)
