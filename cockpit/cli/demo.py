"""`cockpit demo`: the cockpit on real services of its own, all on loopback, gone when it ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.report_options import report_options
from cockpit.cli.terminal import demand_terminal

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.session.pane import Pane

DEMO_SECONDS = 120.0


@click.command("demo", short_help="Try it: real services on loopback, no configuration, no root.")
@report_options(timeout_seconds=DEMO_SECONDS)
@click.option(
    "--screenshots",
    type=click.Path(file_okay=False, path_type=Path),
    help="Draw the panes as SVG pictures into this folder, instead of the terminal.",
)
@click.option("--read-only", is_flag=True, help="Without any action that changes something.")
def command(
    snapshot: bool,
    format_: str,
    output: Path | None,
    panes: tuple[str, ...],
    timeout: float,
    screenshots: Path | None,
    read_only: bool,
) -> None:
    """Start a CI server, six SSH hosts, a Kubernetes API and a Prometheus on loopback, and the cockpit on them.

    Nothing is configured, nothing listens outside this machine, every service demands a key made for this run, and all
    of it is stopped and removed at the end.
    """
    from cockpit.config.load import load
    from cockpit.demo.children import DemoError
    from cockpit.demo.environment import running

    if not snapshot and screenshots is None:
        demand_terminal("cockpit demo --snapshot")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        with running(lambda line: click.echo(line, err=True)) as environment:
            settings = load(environment.config)
            if snapshot:
                code = _snapshot(settings, format_, output, panes, timeout)
            elif screenshots is not None:
                from cockpit.tui.pictures import draw

                code = draw(settings, screenshots, ready=shows_everything)
            else:
                from cockpit.tui.app import run

                code = run(settings, read_only=read_only, config_path=environment.config)
    except DemoError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(code)


def _snapshot(settings: Settings, format_: Any, output: Path | None, panes: tuple[str, ...], timeout: float) -> int:
    from cockpit.snapshot.command import run

    return run(settings, format=format_, output=output, panes=panes, timeout=timeout, ready=shows_everything)


def shows_everything(panes: Mapping[str, Pane[Any]]) -> bool:
    """Every pane has items, one run has succeeded and one pod shows CrashLoopBackOff."""
    from cockpit.model import health

    if any(not pane.feed.items or not isinstance(pane.feed.overall, health.Live) for pane in panes.values()):
        return False
    runs, pods = panes.get("pipelines"), panes.get("pods")
    return (runs is None or any(run.result == "success" for run in runs.feed.items.values())) and (
        pods is None or any(pod.status == "CrashLoopBackOff" for pod in pods.feed.items.values())
    )
