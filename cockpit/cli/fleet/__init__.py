"""`cockpit fleet`: the hosts as they are now, and what is done on many of them."""

from __future__ import annotations

import click

from cockpit.cli.lazy import LazyGroup

SUBCOMMANDS = {
    "list": "The hosts and how they are.",
    "facts": "Load, disks, failed units and more of the hosts.",
    "exec": "Run a command on many hosts.",
    "runs": "What was run, what came of it, and once more.",
    "trust": "See the keys of unknown hosts, and accept them.",
    "shell": "Open a shell on a host, or the same keystrokes to several.",
    "put": "Put files and folders on many hosts.",
    "get": "Get a file or a folder from many hosts.",
    "sync": "Make a folder on many hosts like one here.",
}


@click.group("fleet", cls=LazyGroup, package="cockpit.cli.fleet", subcommands=SUBCOMMANDS)
def command() -> None:
    """List the hosts, or run a command on many of them.

    PATTERN is names, ranges, roles and fields: web[01-20] @db env=staging '*' with commas between; !NAME takes away.
    """
