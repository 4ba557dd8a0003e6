"""`cockpit pods rollout`: restart, undo, pause, resume and status, as kubectl's."""

from __future__ import annotations

from typing import Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options

_WORDS = {
    "restart": ("rollout", "Restart all pods, step by step."),
    "pause": ("pause", "Changes of a deployment wait from now on."),
    "resume": ("resume", "Changes of a deployment are rolled out again."),
    "status": ("status", "Watch a rollout to its end."),
}


@click.group("rollout")
def command() -> None:
    """Roll out deployments, stateful sets and daemon sets, each watched until its pods have followed."""


def _add(word: str, action: str, help_: str) -> None:
    @command.command(word, help=help_)
    @click.argument("kind")
    @click.argument("names", nargs=-1, metavar="[NAMESPACE/]NAME...")
    @where_options
    @agreed_options
    @click.pass_context
    def run(
        ctx: click.Context,
        /,
        kind: str,
        names: tuple[str, ...],
        namespace: str,
        labels: str,
        source: str,
        **agreed: Any,
    ) -> None:
        act(ctx, action, kind, names, Where(namespace, labels, source), Agreed(**agreed))


for _word, (_action, _help) in _WORDS.items():
    _add(_word, _action, _help)


@command.command("undo")
@click.argument("kind")
@click.argument("names", nargs=-1, metavar="[NAMESPACE/]NAME...")
@click.option("--to-revision", "revision", default="", metavar="NUMBER", help="Else the one before the present one.")
@where_options
@agreed_options
@click.pass_context
def undo(
    ctx: click.Context, /, kind: str, names: tuple[str, ...], revision: str, namespace: str, labels: str, source: str,
    **agreed: Any,
) -> None:  # fmt: skip
    """Back to the pod template of an earlier revision."""
    act(ctx, "undo", kind, names, Where(namespace, labels, source), Agreed(**agreed), {"revision": revision})
