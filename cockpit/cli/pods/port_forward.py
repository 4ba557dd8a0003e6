"""`cockpit pods port-forward`: ports of a pod on this machine's loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cockpit.cli.pods.named import FAILED, INTERRUPTED, Named, named
from cockpit.cli.say import complain, drawn, refuse

if TYPE_CHECKING:
    from cockpit.pods.actions.forward import Ports


@click.command("port-forward")
@click.argument("pod", metavar="[SOURCE:]NAMESPACE/POD")
@click.argument("words", nargs=-1, required=True, metavar="[LOCAL:]PORT...")
@click.option("--yes", is_flag=True, help="Needed in production.")
@click.pass_context
def command(ctx: click.Context, pod: str, words: tuple[str, ...], yes: bool) -> None:
    """Forward ports of this machine's loopback to a pod, until it is interrupted.

    :PORT takes any free port here. When the pod is replaced, new connections go to another one of its workload.
    """
    from cockpit.model import errors
    from cockpit.pods.actions.forward import parsed

    try:
        found = named(ctx.find_root().obj.settings(), pod, yes=yes)
        ctx.exit(asyncio.run(_run(found, [parsed(word) for word in words])))
    except errors.Refused as error:
        refuse([str(error)])


async def _run(found: Named, ports: Sequence[Ports]) -> int:
    from cockpit.pods.actions.forward import LOOPBACK, forward_job
    from cockpit.tasks.action import State
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager

    shown = False

    def listening(chosen: Sequence[Ports]) -> None:
        nonlocal shown
        shown = True
        for each in chosen:
            click.echo(f"Forwarding from {LOOPBACK}:{each.local} -> {each.remote}")

    def said(_: str, line: str) -> None:
        if shown:
            click.echo(drawn(line), err=True)

    job = forward_job(found.cluster, found.target, found.namespace, found.name, ports, listening=listening)
    async with TaskManager.open() as tasks:
        record = await run_headless(tasks, job, on_output=said)
    if record.state is State.CANCELLED:
        return INTERRUPTED
    complain(record.why or str(record.state))
    return FAILED
