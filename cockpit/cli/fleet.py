"""`cockpit fleet`: the hosts as they are now, and a command on many of them."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cockpit.config.settings import Settings
    from cockpit.fleet.batch import Order, Result
    from cockpit.fleet.host import Host
    from cockpit.fleet.link import Chunk
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster
    from cockpit.tasks.action import Job
    from cockpit.tasks.records import TaskRecord

FAILED, USAGE, SOURCE, INTERRUPTED = 1, 2, 3, 130
TAIL_BYTES = 64 * 1024
"""Of each stream of a host in JSON."""
WAITING_CHARS = 1 << 20
"""Unwritten output from which on the hosts are made to wait."""


@click.group("fleet", short_help="List the hosts, or run a command on many of them.")
def command() -> None:
    """List the hosts, or run a command on many of them.

    PATTERN is names, ranges, roles and fields: web[01-20] @db env=staging '*' with commas between; !NAME takes away.
    """


@command.command("list")
@click.argument("pattern", default="")
@click.option("--no-connect", is_flag=True, help="Only what the inventories say.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=15.0, show_default=True, help="Seconds.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def list_command(ctx: click.Context, pattern: str, no_connect: bool, timeout: float, format_: str) -> None:
    """The hosts and how they are, by one look at each. JSON is one line a host.

    Ends with 0; with 3 when an inventory could not be read.
    """
    from cockpit.fleet.roster import Roster
    from cockpit.session.fleet import HINT

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    hosts, failures = asyncio.run(_hosts(settings, roster, pattern, None if no_connect else timeout))
    if format_ == "json":
        _print_json(hosts)
    elif hosts:
        _print_table(hosts)
    for failure in [*failures, *([] if roster.sources else [HINT])]:
        _complain(failure)
    ctx.exit(SOURCE if failures else 0)


@command.command("exec")
@click.argument("pattern")
@click.argument("words", nargs=-1, required=True, metavar="-- COMMAND...")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, help="Seconds for each host."
)
@click.option("--forks", type=click.IntRange(1, 1000), default=32, show_default=True, help="Hosts at the same time.")
@click.option("--yes", type=int, metavar="COUNT", help="How many hosts it is meant for; needed in production.")
@click.option("--dry-run", is_flag=True, help="Say what would be run where, and connect to nothing.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def exec_command(
    ctx: click.Context,
    pattern: str,
    words: tuple[str, ...],
    timeout: float,
    forks: int,
    yes: int | None,
    dry_run: bool,
    format_: str,
) -> None:
    """Run a command on the hosts of PATTERN. The words are joined by spaces and run by each login shell, as ssh does.

    Lines come as they are said, with the host before them; JSON is one line a host as it ends. What runs into the
    time-out or is interrupted is stopped on the hosts too. Ends with 0 when every host succeeded, 1 when some did not,
    130 when interrupted.
    """
    from cockpit.fleet.batch import Order
    from cockpit.fleet.roster import Roster
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    roster = Roster(settings.fleet)
    for failure in asyncio.run(roster.load()):
        _complain(failure)
    try:
        order = Order(roster.select(pattern), " ".join(words), timeout, forks)
        if settings.ui.read_only and not dry_run:
            raise errors.Refused("cockpit is read-only here; nothing is run")
        _agreed(order, yes, dry_run)
        printer = _Json() if format_ == "json" else _Text()
        job = _job(roster, order, printer)
        if dry_run:
            from cockpit.tasks.manager import dry_run as explain

            for line in explain(job):
                click.echo(_drawn(line))
            return
        record = asyncio.run(_run(job, printer))
    except errors.Refused as error:
        _refuse([str(error)])
    _conclude(ctx, record, printer)


def _agreed(order: Order, yes: int | None, dry_run: bool) -> None:
    """Production and a stated count are taken at their word. Raises errors.Refused."""
    from cockpit.fleet.selection import fold
    from cockpit.model import errors

    count, names = len(order.machines), fold(machine.name for machine in order.machines)
    production = fold(machine.name for machine in order.machines if machine.production)
    if yes is not None and yes != count:
        raise errors.Refused(f"--yes={yes}, but these are {count}: {names}; write --yes={count}")
    if production and yes is None and not dry_run:
        raise errors.Refused(f"{production} is in production; to run it on all {count} ({names}) write --yes={count}")


def _job(roster: Roster, order: Order, printer: _Text | _Json) -> Job:
    from cockpit.fleet.actions import exec_job

    return exec_job(roster, order, on_output=printer.output, on_result=printer.result, drained=printer.out.drained)


async def _run(job: Job, printer: _Text | _Json) -> TaskRecord:
    from cockpit.tasks.headless import run_headless
    from cockpit.tasks.manager import TaskManager

    async with TaskManager.open() as tasks:

        def gone() -> None:
            for record in tasks.active:
                tasks.cancel(record.key)

        writing = asyncio.create_task(printer.out.run(gone))
        try:
            return await run_headless(tasks, job, on_output=printer.line)
        finally:
            printer.out.close()
            await writing


def _conclude(ctx: click.Context, record: TaskRecord, printer: _Text | _Json) -> None:
    from cockpit.fleet.batch import summary
    from cockpit.tasks.action import State

    _complain(summary(printer.results) if printer.results else record.why or str(record.state))
    if printer.results and record.why:
        _complain(f"{record.state.replace('_', ' ')}: {record.why}")
    if record.state is State.SUCCEEDED:
        ctx.exit(0)
    ctx.exit(INTERRUPTED if record.state is State.CANCELLED else FAILED)


class _Out:
    """stdout, written off the loop: a reader that stalls slows the hosts down and nothing else."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._closed = False
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def line(self, text: str) -> None:
        self._lines.append(text)
        self._size += len(text)
        if self._size > WAITING_CHARS:
            self._room.clear()
        self._wake.set()

    async def drained(self) -> None:
        """Wait while much is unwritten."""
        await self._room.wait()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def run(self, gone: Callable[[], None]) -> None:
        """Write until closed; `gone` is called once when nobody reads any more, and the rest is dropped."""
        broken = False
        while not (self._closed and not self._lines):
            await self._wake.wait()
            self._wake.clear()
            lines, self._lines, self._size = self._lines, [], 0
            self._room.set()
            if not lines or broken:
                continue
            try:
                await asyncio.to_thread(_write, "\n".join(lines) + "\n")
            except BrokenPipeError:
                broken = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                gone()


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding or "utf-8", "replace"))
    sys.stdout.buffer.flush()


class _Text:
    """Lines as they come, the host before each; failures on stderr as hosts end."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.out = _Out()
        self._terminal = sys.stdout.isatty()

    def output(self, machine: Machine, chunk: Chunk) -> None:
        """Lines are taken from the task, which splits them."""

    def line(self, target: str, line: str) -> None:
        if target:
            self.out.line(_drawn(f"{target}: {line}", terminal=self._terminal))

    def result(self, result: Result) -> None:
        from cockpit.tasks.action import State

        self.results.append(result)
        if result.state is not State.SUCCEEDED:
            _complain(f"{result.machine.name}: {result.state.replace('_', ' ')}: {result.why}")


class _Json:
    """One line a host as it ends."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.out = _Out()
        self._tails: dict[str, tuple[bytearray, bytearray]] = {}
        self._sizes: dict[str, int] = {}

    def output(self, machine: Machine, chunk: Chunk) -> None:
        tail = self._tails.setdefault(machine.name, (bytearray(), bytearray()))[chunk.stderr]
        tail += chunk.data
        self._sizes[machine.name] = self._sizes.get(machine.name, 0) + len(chunk.data)
        if len(tail) > 2 * TAIL_BYTES:
            del tail[:-TAIL_BYTES]

    def line(self, target: str, line: str) -> None:
        """The output is in the host's own line."""

    def result(self, result: Result) -> None:
        import msgspec

        from cockpit.model.printable import escaped

        self.results.append(result)
        machine = result.machine
        streams = self._tails.pop(machine.name, (bytearray(), bytearray()))
        out, err = (bytes(stream[-TAIL_BYTES:]) for stream in streams)
        said = {
            "host": machine.name,
            "address": machine.address,
            "state": result.state,
            "exit_status": result.status,
            "signal": result.signal or None,
            "stdout_tail": out.decode("utf-8", "replace"),
            "stderr_tail": err.decode("utf-8", "replace"),
            "truncated": len(out) + len(err) < self._sizes.pop(machine.name, 0),
            "duration_seconds": round(result.duration_seconds, 3),
            "stop": result.stop or None,
            "error": result.why or None,
        }
        self.out.line(escaped(msgspec.json.encode(said).decode()))


async def _hosts(
    settings: Settings, roster: Roster, pattern: str, timeout: float | None
) -> tuple[list[Host], list[str]]:
    """The hosts, looked at once unless `timeout` is None, and what was wrong with the inventories."""
    from cockpit.fleet.host import unseen
    from cockpit.model import errors

    failures = await roster.load()
    try:
        machines = roster.select(pattern) if pattern else tuple(roster.machines.values())
    except errors.Refused as error:
        _refuse([*failures, str(error)])
    if timeout is None or not machines:
        return [unseen(machine) for machine in machines], failures
    seen = await _looked_at(settings, roster, {machine.key for machine in machines}, timeout)
    return [seen.get(machine.key) or unseen(machine) for machine in machines], failures


async def _looked_at(settings: Settings, roster: Roster, keys: set[str], timeout: float) -> dict[str, Host]:
    from cockpit.session.fleet import build

    pane = build(settings, roster=roster)
    items = pane.feed.items
    running = asyncio.create_task(pane.feed.run())
    try:
        await pane.feed.until(
            lambda: keys <= items.keys() and not any(pane.pending(items[key]) for key in keys), timeout
        )
        return {key: items[key] for key in keys if key in items}
    finally:
        running.cancel()
        await asyncio.wait([running])


def _print_json(hosts: Sequence[Host]) -> None:
    import time

    import msgspec

    from cockpit.fleet.report import report
    from cockpit.model.printable import escaped

    now = time.time()
    for host in hosts:
        click.echo(escaped(msgspec.json.encode(report(host, now)).decode()))


def _print_table(hosts: Sequence[Host]) -> None:
    import time

    from rich.cells import cell_len

    from cockpit.fleet.columns import COLUMNS
    from cockpit.listing.cells import row

    columns = [column for column in COLUMNS if column.id not in ("cpu", "source")]
    now = time.time()
    lines = [tuple(column.title for column in columns)]
    for host in hosts:
        cells = row(columns, host, now)
        lines.append(tuple(f"{cell.glyph} {cell.text}" if cell.glyph else cell.text for cell in cells))
    widths = [max(cell_len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        parts = []
        for text, width, column in zip(line, widths, columns, strict=True):
            gap = " " * (width - cell_len(text))
            parts.append(gap + text if column.align == "right" else text + gap)
        click.echo("  ".join(parts).rstrip())


def _drawn(line: str, *, terminal: bool | None = None) -> str:
    """Safe for a terminal; a file or a pipe gets what the host said."""
    from cockpit.model.printable import printable

    return printable(line.expandtabs()) if (sys.stdout.isatty() if terminal is None else terminal) else line


def _complain(line: str) -> None:
    from cockpit.model.printable import printable

    click.echo(printable(line), err=True)


def _refuse(lines: Sequence[str]) -> NoReturn:
    for line in lines:
        _complain(line)
    sys.exit(USAGE)
