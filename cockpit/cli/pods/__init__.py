"""`cockpit pods`: the pods of the configured clusters, and what is done to them."""

from __future__ import annotations

import click

from cockpit.cli.lazy import LazyGroup

SUBCOMMANDS = {
    "logs": "What containers say, followed without a line lost.",
    "list": "The pods, or the objects of any kind.",
    "describe": "How an object is, and what happened to it.",
    "yaml": "An object as the server has it.",
    "restart": "Restart pods.",
    "rollout": "Restart, undo, pause, resume or watch a rollout.",
    "scale": "Another number of replicas.",
    "image": "Another image for a container.",
    "delete": "Delete objects of any kind.",
    "trigger": "Run a cron job now.",
    "suspend": "A cron job makes no jobs.",
    "resume": "A cron job makes jobs again.",
    "cordon": "A node takes no new pods.",
    "uncordon": "A node takes pods again.",
    "drain": "Cordon a node and evict its pods.",
    "exec": "Run a command in a container, or open a shell there.",
    "port-forward": "Listen on ports of this machine and forward them to a pod.",
}


@click.group("pods", cls=LazyGroup, package="cockpit.cli.pods", subcommands=SUBCOMMANDS)
def command() -> None:
    """See pods and all else in a cluster, and act on it.

    A pod is NAMESPACE/NAME, with SOURCE: before it where there are several sources.
    """
