"""`cockpit doctor`: try every configured source and say, for each, ok or the cause and the mend."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.session.pane import Pane
    from cockpit.snapshot.take import Taken


@click.command("doctor", short_help="Try every configured source: ok, or the cause and the mend.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=15.0,
    show_default=True,
    help="Seconds to wait for the slowest source.",
)
@click.pass_context
def command(context: click.Context, timeout: float) -> None:
    """Try every configured source. Ends with 0 when all answer, with 3 when some do not."""
    settings: Settings = context.find_root().obj.settings_with_network()
    findings = list(asyncio.run(_examine(settings, timeout)))
    width = max((len(name) for name, _, _ in findings), default=0)
    for name, good, said in findings:
        click.echo(f"{'ok  ' if good else 'BAD '} {name:<{width}}  {said}")
    sys.exit(0 if all(good for _, good, _ in findings) else 3)


async def _examine(settings: Settings, timeout: float) -> list[tuple[str, bool, str]]:
    from cockpit.model.scope import Scope
    from cockpit.session.panes import build_panes
    from cockpit.snapshot.take import take

    panes = build_panes(settings)
    taken = await take(panes, timeout=timeout, scope=Scope())
    findings = [finding for pane in taken for finding in _sources(pane)]
    findings.extend(_inventories(panes.values()))
    findings.extend(_hosts(taken))
    findings.extend([finding async for finding in _server(settings)])
    return findings


def _sources(taken: Taken) -> Iterator[tuple[str, bool, str]]:
    from cockpit.model.printable import printable
    from cockpit.snapshot.take import source_report

    name = taken.pane.name
    if not taken.sources:
        yield name, True, f"not configured: {taken.pane.feed.hint}"
    for source, state in taken.sources.items():
        report = source_report(source, state, taken.taken)
        good = report.state == "live"
        said = f"{len(taken.items)} items" if good else f"{report.state}: {report.error}"
        yield f"{name}: {printable(source)}", good, printable(said)


def _inventories(panes: Iterable[Pane[Any]]) -> Iterator[tuple[str, bool, str]]:
    """What was read of the inventories and is not all that stands there, and a selection of no use."""
    from cockpit.model.printable import printable
    from cockpit.session.fleet import FleetPane

    for pane in panes:
        if isinstance(pane, FleetPane):
            if pane.roster.complaint:
                yield "fleet: production", False, printable(pane.roster.complaint)
            for note in pane.roster.notes:
                yield "fleet: note", True, printable(note)


def _hosts(taken: list[Taken]) -> Iterator[tuple[str, bool, str]]:
    """A host that does not answer is the state of that host; the inventory it stands in is fine."""
    from cockpit.model.printable import printable

    hosts: list[Any] = [host for pane in taken if pane.pane.name == "fleet" for host in pane.items]
    for host in hosts:
        good = host.state == "up"
        yield f"fleet: {printable(host.name)}", good, "up" if good else printable(f"{host.state}: {host.error or ''}")


async def _server(settings: Settings) -> Any:
    """The secrets that `cockpit serve` would need, looked up and forgotten."""
    from cockpit.config.secrets import resolve
    from cockpit.model import errors

    server = settings.server
    if not server.repositories:
        return
    wanted = [("server: token", server.token_env, server.token_file, server.token_command)] + [
        (f"server: {r.name}", r.webhook_secret_env, r.webhook_secret_file, r.webhook_secret_command)
        for r in server.repositories
    ]
    for name, env, file, secret_command in wanted:
        try:
            secret = await resolve(env=env, file=file, command=secret_command)
        except errors.Denied as error:
            yield name, False, str(error)
        else:
            yield name, bool(secret), "secret found" if secret else "no secret is named; write token_env or the like"
