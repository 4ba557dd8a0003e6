"""`cockpit pods drain`: a node without pods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.pods.acting import Agreed, act, agreed_options
from cockpit.cli.pods.chosen import Where, where_options

if TYPE_CHECKING:
    from cockpit.pods.api.connection import Cluster
    from cockpit.pods.kinds.object import Object


@click.command("drain")
@click.argument("names", nargs=-1, metavar="NODE...")
@click.option("--force", is_flag=True, help="Also pods that no controller makes again.")
@click.option("--delete-emptydir-data", "empty_dir", is_flag=True, help="Also pods whose emptyDir data is lost.")
@click.option("--grace", metavar="SECONDS", default="", help="Instead of each pod's own grace period.")
@click.option("--timeout", metavar="SECONDS", default="0", show_default=True, help="0: however long it takes.")
@where_options
@agreed_options
@click.pass_context
def command(
    ctx: click.Context, /, names: tuple[str, ...], force: bool, empty_dir: bool, grace: str, timeout: str,
    namespace: str, labels: str, source: str, **agreed: Any,
) -> None:  # fmt: skip
    """Cordon nodes and evict their pods, as disruption budgets allow. Pods of daemon sets and static ones stay.

    Interrupted, it evicts no more; the nodes stay cordoned.
    """
    inputs = {
        "bare": "yes" if force else "no",
        "empty_dir": "yes" if empty_dir else "no",
        "grace": grace,
        "timeout": timeout,
    }
    where = Where(namespace, labels, source)

    async def pods(cluster: Cluster, nodes: Sequence[Object]) -> list[str]:
        from cockpit.pods.actions.drain import planned
        from cockpit.pods.actions.of_nodes import consent

        async with cluster.connected() as connection:
            return [line for node in nodes for line in await planned(connection, node.name, consent(inputs))]

    act(ctx, "drain", "nodes", names, where, Agreed(**agreed), inputs, more=pods)
