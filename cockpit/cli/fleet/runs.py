"""`cockpit fleet runs`: what was run on the hosts, what came of it, and once more."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cockpit.cli.fleet import complete
from cockpit.cli.say import FAILED, complain, drawn, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cockpit.fleet.results.history import History, RunRecord, RunSummary

_FORMAT = click.Choice(["text", "json"])


@click.group("runs", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """What was run on the hosts, what came of it, and once more. Without a command: the list.

    ID is a run's, the start of one, or `last`. The newest 50 runs are kept, with at most 4 GiB of output.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_command)


@command.command("list")
@click.option("--format", "format_", type=_FORMAT, default="text", show_default=True)
def list_command(format_: str = "text") -> None:
    """The runs that are kept, newest first. JSON is one line a run."""
    from cockpit.model import errors

    try:
        runs = _history().runs()
    except errors.SourceError as error:
        refuse([str(error)])
    if format_ == "json":
        _print_json(runs)
    elif runs:
        _print_table(runs)
    else:
        click.echo("no run is kept yet")


@command.command("show")
@click.argument("run_id", metavar="ID")
@click.option("--format", "format_", type=_FORMAT, default="text", show_default=True)
def show_command(run_id: str, format_: str) -> None:
    """One run: what was asked, and a line a host. Hosts whose end nobody saw are of unknown outcome."""
    from cockpit.fleet.results.words import facts, said

    kept = _read(run_id)
    if format_ == "json":
        _print_json([kept])
        return
    for word, value in facts(kept):
        click.echo(drawn(f"{word + ':':<11}{value}"))
    for line in kept.hosts:
        click.echo(drawn(f"{line.host}: {said(line)}"))


@command.command("output")
@click.argument("run_id", metavar="ID")
@click.argument("host")
@click.option("--stderr", is_flag=True, help="Not stdout.")
def output_command(run_id: str, host: str, stderr: bool) -> None:
    """What one host said, byte for byte; on a terminal as it is safe."""
    kept = _read(run_id)
    line = next((line for line in kept.hosts if line.host == host), None)
    if line is None:
        refuse([f"the run {kept.summary.key} was not on {host}; see: cockpit fleet runs show {kept.summary.key}"])
    path = line.stderr_spill if stderr else line.spill
    if path is None:
        complain(f"{host} said nothing on {'stderr' if stderr else 'stdout'}")
        return
    try:
        _copy(Path(path))
    except OSError as error:
        complain(f"cannot read {path}: {error.strerror}; is it still kept?")
        sys.exit(FAILED)


@command.command("diff")
@click.argument("run_id", metavar="ID")
def diff_command(run_id: str) -> None:
    """Identical outputs once, the odd ones first and as what they differ in from the majority's."""
    from cockpit.fleet.results.export import folded
    from cockpit.fleet.results.groups import group

    _print(f"{line}\n" for line in folded(group(_read(run_id).hosts)))


@command.command("search")
@click.argument("run_id", metavar="ID")
@click.argument("text")
def search_command(run_id: str, text: str) -> None:
    """The lines with a text, or with a /regular expression/: host:number: line, with host! where it was on stderr.

    Ends with 0 when there is any, with 1 when there is none.
    """
    from cockpit.fleet.results.search import MOST, search
    from cockpit.model import errors

    kept = _read(run_id)

    async def find() -> int:
        count = 0
        async for match in search(kept.hosts, text):
            click.echo(drawn(f"{match.host}{'!' if match.stderr else ''}:{match.number}: {match.text}"))
            count += 1
        return count

    try:
        count = asyncio.run(find())
    except errors.Refused as error:
        refuse([str(error)])
    if count == MOST:
        complain(f"there may be more: only the first {MOST} are shown")
    sys.exit(0 if count else FAILED)


@command.command("export")
@click.argument("run_id", metavar="ID")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="markdown", show_default=True
)
def export_command(run_id: str, format_: str) -> None:
    """The whole run as one document."""
    from cockpit.fleet.results.export import FORMATS

    _print(FORMATS[format_](_read(run_id)))


@command.command("rerun")
@click.argument("run_id", metavar="ID")
@click.argument("selection", shell_complete=complete.selection)
@click.option("--yes", type=int, metavar="COUNT", help="How many hosts it is meant for; needed in production.")
@click.option("--dry-run", is_flag=True, help="Say what would be run where, and connect to nothing.")
@click.option("--fold", is_flag=True, help="Print identical outputs once, at the end, the odd ones first.")
@click.option("--sudo-password-file", type=click.Path(path_type=Path), metavar="FILE", help="As for exec.")
@click.option("--format", "format_", type=_FORMAT, default="text", show_default=True)
@click.pass_context
def rerun_command(
    ctx: click.Context,
    run_id: str,
    selection: str,
    yes: int | None,
    dry_run: bool,
    fold: bool,
    sudo_password_file: Path | None,
    format_: str,
) -> None:
    """The command and the plan of a run once more, on SELECTION: last:failed, run:ID:timeout, web[1-3]."""
    from cockpit.cli.fleet.running import Choices, carry_out
    from cockpit.fleet.run.order import repeated

    kept = _read(run_id)
    choices = Choices(yes=yes, dry_run=dry_run, fold=fold, format_=format_, sudo_password_file=sudo_password_file)
    carry_out(ctx, selection, lambda machines: repeated(kept, machines, selection), choices)


@command.command("forget")
@click.argument("run_id", metavar="ID")
def forget_command(run_id: str) -> None:
    """Delete one run and its output."""
    from cockpit.model import errors

    kept = _read(run_id)
    try:
        _history().forget(kept.summary.key)
    except errors.Refused as error:
        refuse([str(error)])
    click.echo(f"forgot {kept.summary.key}")


def _history() -> History:
    from cockpit.config.places import state_dir
    from cockpit.fleet.results.history import FOLDER, History

    return History(state_dir() / FOLDER)


def _read(run_id: str) -> RunRecord:
    from cockpit.model import errors

    try:
        return _history().read(run_id)
    except errors.SourceError as error:
        refuse([str(error)])


def _print(pieces: Iterable[str]) -> None:
    for piece in pieces:
        click.echo(piece, nl=False)


def _copy(path: Path) -> None:
    with path.open("rb") as file:
        if sys.stdout.isatty():
            for line in file:
                click.echo(drawn(line.decode("utf-8", "replace").rstrip("\r\n")))
            return
        while block := file.read(1 << 20):
            sys.stdout.buffer.write(block)


def _print_json(values: Iterable[object]) -> None:
    import msgspec

    from cockpit.model.printable import escaped

    for value in values:
        click.echo(escaped(msgspec.json.encode(value).decode()))


def _print_table(runs: Iterable[RunSummary]) -> None:
    from rich.cells import cell_len

    lines = [["ID", "Started", "State", "Hosts", "Command"]]
    lines += [[drawn(cell, terminal=True) for cell in _cells(run)] for run in runs]
    widths = [max(cell_len(line[place]) for line in lines) for place in range(4)]
    for line in lines:
        padded = [text + " " * (width - cell_len(text)) for text, width in zip(line, widths, strict=False)]
        click.echo("  ".join([*padded, line[4]]))


def _cells(run: RunSummary) -> Iterator[str]:
    from cockpit.fleet.results.words import counted
    from cockpit.model.units import human_duration

    yield run.key
    yield f"{human_duration(max(0.0, time.time() - run.started_at))} ago"
    yield run.state
    yield counted(run.counts) if run.counts else f"{run.hosts} hosts"
    yield run.command
