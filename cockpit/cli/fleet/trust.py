"""`cockpit fleet trust`: see the keys of unknown hosts, and write down those that are theirs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet import complete
from cockpit.cli.fleet.agreed import agreed
from cockpit.cli.say import FAILED, complain, drawn, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cockpit.config.settings import Settings
    from cockpit.fleet.engine.connect import Stranger
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster


@click.command("trust")
@click.argument("selection", shell_complete=complete.selection)
@click.option("--yes", type=int, metavar="COUNT", help="Accept all unknown keys of that many hosts, unseen.")
@click.option("--fingerprint", "fingerprints", multiple=True, metavar="SHA256:...", help="Accept this key; repeatable.")
@click.pass_context
def command(ctx: click.Context, selection: str, yes: int | None, fingerprints: tuple[str, ...]) -> None:
    """Show the keys of the hosts of SELECTION that known_hosts does not name, and of the hosts before them.

    On a terminal each is asked for; an accepted one is written to known_hosts. A changed key is never accepted. Nothing
    is run on the hosts. Ends with 0 when all are known by then, with 1 when some are not.
    """
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)

    async def found() -> tuple[Machine, ...]:
        for failure in await roster.load():
            complain(failure)
        return await roster.find(selection)

    try:
        machines = asyncio.run(found())
        agreed(machines, yes, changes=False)
    except errors.Refused as error:
        refuse([str(error)])
    ctx.exit(asyncio.run(_trust(roster, machines, yes is not None, fingerprints)))


async def _trust(roster: Roster, machines: Sequence[Machine], everyone: bool, fingerprints: Sequence[str]) -> int:
    from cockpit.cli.fleet.asking import attend
    from cockpit.fleet.introduce import levels, meet

    attend(roster)
    ends: list[bool] = []
    keys: dict[tuple[str, str, bytes], bool] = {}
    async with roster.pool.used() as pool:
        for level in levels([machine for machine in machines if machine.transport == "ssh"]):
            for met in await meet(pool, level):
                if met.why:
                    complain(f"{met.machine.where}: {met.why}")
                if met.stranger is None:
                    ends.append(not met.why)
                    continue
                # two users of a host, or two names of it, are one question
                key = (met.stranger.unknown.name, met.stranger.unknown.path, met.stranger.blob)
                if key not in keys:
                    accepted = await _accepted(met.stranger, everyone, fingerprints)
                    keys[key] = accepted and await _written(roster, met.stranger)
                ends.append(keys[key])
    click.echo(f"{sum(ends)} known, {len(ends) - sum(ends)} not")
    return 0 if all(ends) else FAILED


async def _accepted(stranger: Stranger, everyone: bool, fingerprints: Sequence[str]) -> bool:
    from cockpit.cli.fleet.asking import can_ask, line

    unknown = stranger.unknown
    offered = unknown.offered
    click.echo(drawn(f"{unknown.where}: unknown; it shows {offered.kind} {offered.sha256} {offered.md5}"))
    if everyone or offered.sha256 in fingerprints:
        return True
    if fingerprints or not can_ask():
        complain(f"{unknown.where}: not accepted; when it is its key, write --fingerprint {offered.sha256}")
        return False
    said = await line(f"Is this the key of {unknown.name}? It will be written to {unknown.path} [y/N] ")
    return said.strip().lower() in ("y", "yes")


async def _written(roster: Roster, stranger: Stranger) -> bool:
    from cockpit.model import errors

    unknown = stranger.unknown
    if not unknown.path:
        complain(f"{unknown.where}: there is no file for its key (UserKnownHostsFile none)")
        return False
    try:
        await roster.pool.trust(stranger)
    except errors.SourceError as error:
        complain(str(error))
        return False
    click.echo(drawn(f"{unknown.where}: written to {unknown.path}"))
    return True
