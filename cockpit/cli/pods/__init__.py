"""`cockpit pods`: the pods of the configured clusters, and what is done to them."""

from __future__ import annotations

import click

from cockpit.cli.lazy import LazyGroup

SUBCOMMANDS = {
    "exec": "Run a command in a container, or open a shell there.",
}


@click.group("pods", cls=LazyGroup, package="cockpit.cli.pods", subcommands=SUBCOMMANDS)
def command() -> None:
    """See pods and act on them. A pod is NAMESPACE/NAME, with SOURCE: before it where there are several sources."""
