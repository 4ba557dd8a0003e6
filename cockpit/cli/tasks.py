"""`cockpit tasks`: the journal of what was done, by whom, on what."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from cockpit.tasks.journal import Journal
    from cockpit.tasks.records import TaskRecord

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
UNBROKEN = frozenset({"id", "state", "started", "duration"})
"""Columns that are never wrapped."""
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "timed_out", "unknown", "interrupted")
FOLLOW_SECONDS = 0.25
"""Between two looks at a task that runs."""


def _ago(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """`90m`, `2h`, `1d12h`: Unix seconds of that long ago. Nothing: the beginning of time."""
    if not value:
        return 0.0
    if not re.fullmatch(r"(\d{1,6}[smhdw])+", value):
        raise click.BadParameter(f"{value!r} is no duration; write one such as 90m, 2h or 1d12h", ctx, param)
    return time.time() - sum([int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", value)])


@click.group("tasks", short_help="What was done, by whom, on what: the journal.")
def command() -> None:
    """What was done, by whom, on what: the journal of all cockpits of this user."""


@contextmanager
def _journal() -> Iterator[tuple[Journal, Path]]:
    from cockpit.config.places import state_dir
    from cockpit.tasks.journal import Journal
    from cockpit.tasks.store import StoreError

    folder = state_dir() / "tasks"
    try:
        journal = Journal(folder)
        try:
            yield journal, folder
        finally:
            journal.close()
    except StoreError as error:
        raise click.ClickException(str(error)) from error


def _one(journal: Journal, task_id: str) -> TaskRecord:
    found = journal.find(task_id)
    if not found:
        raise click.ClickException(f"there is no task {task_id}; see: cockpit tasks list")
    if len(found) > 1 and found[0].key != task_id:
        raise click.ClickException(f"several tasks begin with {task_id}: {', '.join([t.key for t in found])}")
    return found[0]


@command.command("list")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many.")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Repeatable.")
@click.option(
    "--since", default="", callback=_ago, metavar="DURATION", help="Only tasks of the last 90m, 2h, 1d12h, ..."
)
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def list_command(limit: int, states: tuple[str, ...], since: float, format_: str) -> None:
    """The newest tasks, newest first."""
    from cockpit.tasks.action import State

    with _journal() as (journal, _):
        records = journal.latest(limit, since=since, states=[State(state) for state in states])
    if format_ == "json":
        _print_json(records)
        return
    if not records:
        click.echo("no tasks")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from cockpit.listing.cells import row
    from cockpit.session.tasks import TASK_COLUMNS

    columns = [column for column in TASK_COLUMNS if column.id != "action"]
    columns.sort(key=lambda column: column.id != "id")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column.title), justify=column.align, no_wrap=column.id in UNBROKEN, overflow="fold")
    now = time.time()
    for record in records:
        cells = row(columns, record, now)
        table.add_row(*[Text(f"{cell.glyph} {cell.text}" if cell.glyph else cell.text) for cell in cells])
    _print_table(table)


@command.command("show")
@click.argument("task_id", metavar="ID")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show_command(task_id: str, format_: str) -> None:
    """All that is known of one task. The start of its ID is enough."""
    from cockpit.model.printable import printable

    with _journal() as (journal, _):
        record = _one(journal, task_id)
    if format_ == "json":
        _print_json(record)
        return
    for name, value in _fields(record):
        if value:
            click.echo(f"{name:<10} {printable(value)}")
    if record.targets:
        click.echo("targets")
    for target in record.targets:
        state = target.state.replace("_", " ") if target.state is not None else "-"
        badge = " PROD" if target.production else ""
        why = f": {target.why}" if target.why else ""
        click.echo(printable(f"  {target.name}{badge}  {state}{why}"))


def _fields(record: TaskRecord) -> Iterator[tuple[str, str]]:
    from cockpit.model.units import human_bytes, human_duration

    seconds = record.duration_seconds(time.time())
    yield "task", record.key
    yield "what", record.sentence
    yield "action", f"{record.action} ({record.risk})"
    yield "state", record.state.replace("_", " ")
    yield "why", record.why
    yield "who", f"{record.who}, process {record.owner.pid}"
    yield "asked", _clock(record.created_at)
    yield "started", _clock(record.started_at)
    yield "ended", _clock(record.ended_at)
    yield "took", "" if seconds is None else human_duration(seconds)
    yield "attempts", str(record.attempts) if record.attempts > 1 else ""
    yield "progress", f"{record.done} of {record.total}" if record.total else ""
    dropped = f", {human_bytes(record.output_dropped)} of it dropped" if record.output_dropped else ""
    yield (
        "output",
        f"{human_bytes(record.output_bytes)}{dropped}; cockpit tasks tail {record.key}" if record.output_bytes else "",
    )


def _clock(instant: float | None) -> str:
    return "" if instant is None else datetime.fromtimestamp(instant).astimezone().isoformat(" ", "seconds")


@command.command("tail")
@click.argument("task_id", metavar="ID")
@click.option("--follow", "-f", is_flag=True, help="Go on until the task ends.")
@click.option("--target", default="", help="Only what this target said.")
def tail_command(task_id: str, follow: bool, target: str) -> None:
    """The output of one task, also one of another cockpit. The start of its ID is enough."""
    from cockpit.model.printable import printable
    from cockpit.tasks import spills
    from cockpit.tasks.output import read_page, text

    with _journal() as (journal, folder):
        record = _one(journal, task_id)
        spill = spills.path(folder, record.key)
        many = not target and len(record.targets) > 1
        offset = 0
        while True:
            over = record.ended
            page = read_page(spill, offset)
            offset = page.offset
            for name, line in page.lines:
                if not target or text(name) == target:
                    said = printable(text(line))
                    click.echo(f"{printable(text(name))}: {said}" if many and name else said)
            if not page.end:
                continue
            if over or not follow:
                break
            sys.stdout.flush()
            time.sleep(FOLLOW_SECONDS)
            record = _one(journal, record.key)
    if record.output_bytes and not offset:
        click.echo("its output is no longer kept", err=True)
    if follow and record.state != "succeeded":
        click.echo(printable(f"{record.state.replace('_', ' ')}: {record.why}"), err=True)


@command.command("report")
@click.option(
    "--since",
    default="2h",
    callback=_ago,
    metavar="DURATION",
    show_default=True,
    help="How far back: 90m, 2h, 1d12h, ...",
)
@click.option(
    "--format", "format_", type=click.Choice(["markdown", "text", "json"]), default="markdown", show_default=True
)
def report_command(since: float, format_: str) -> None:
    """The handover note: what was done, by whom, on what; first what failed or needs a look."""
    from cockpit.tasks.journal import KEEP_TASKS
    from cockpit.triage import handover

    with _journal() as (journal, _):
        records = journal.latest(KEEP_TASKS, since=since)
    now = time.time()
    match format_:
        case "json":
            _print_json(records[::-1])
        case "text":
            click.echo(handover.text(records, since, now), nl=False)
        case _:
            click.echo(handover.markdown(records, since, now), nl=False)


def _print_json(value: object) -> None:
    import msgspec

    from cockpit.model.printable import escaped

    click.echo(escaped(msgspec.json.format(msgspec.json.encode(value), indent=2).decode()))


def _print_table(table: object) -> None:
    from rich.console import Console

    # a pipe has no width: nothing is cut there
    console = Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 400)
    console.print(table)
