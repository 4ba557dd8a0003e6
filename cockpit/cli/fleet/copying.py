"""What `put`, `get` and `sync` share: their options, their hosts, what they print and how they end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from cockpit.cli.say import FAILED, INTERRUPTED, complain, drawn, refuse

if TYPE_CHECKING:
    from cockpit.config.settings import Settings
    from cockpit.fleet.files.jobs import Asked
    from cockpit.fleet.files.orders import Way
    from cockpit.fleet.files.place import Place
    from cockpit.fleet.files.transfers import HostEnd, Transfers
    from cockpit.fleet.machine import Machine
    from cockpit.fleet.roster import Roster
    from cockpit.tasks.action import Job

STATUS_SECONDS = 0.5
"""Between two lines of progress."""
_F = TypeVar("_F", bound=Callable[..., Any])


def options(command: _F) -> _F:
    """The options of all three."""
    for option in (
        click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True),
        click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing."),
        click.option("--forks", type=click.IntRange(1, 1000), default=20, show_default=True, help="Hosts at once."),
        click.option(
            "--timeout",
            type=click.FloatRange(0, min_open=True),
            default=3600.0,
            show_default=True,
            help="Seconds for each host.",
        ),
        click.option("--checksum", is_flag=True, help="Compare and check by SHA-256, not by size and time alone."),
    ):
        command = option(command)
    return command


def consent(command: _F) -> _F:
    """Of what changes hosts."""
    said = "How many hosts it is meant for; needed in production, and for what deletes."
    return click.option("--yes", type=int, metavar="COUNT", help=said)(command)


class Copying:
    """One order from the command line."""

    def __init__(self, ctx: click.Context, selection: str, format_: str) -> None:
        """Reads the inventories. Ends the program when the selection makes no sense."""
        from cockpit.cli.fleet.out import Out
        from cockpit.fleet.roster import Roster

        self.settings: Settings = ctx.find_root().obj.settings()
        self.roster: Roster = Roster(self.settings.fleet)
        self.machines: tuple[Machine, ...] = asyncio.run(self._find(selection))
        self._ctx, self._json = ctx, format_ == "json"
        self._ends: list[HostEnd] = []
        self._transfers: Transfers | None = None
        self._places: dict[str, Place] = {}
        self.out = Out()

    async def _find(self, selection: str) -> tuple[Machine, ...]:
        from cockpit.model import errors

        for failure in await self.roster.load():
            complain(failure)
        try:
            return await self.roster.find(selection)
        except errors.Refused as error:
            refuse([str(error)])

    def asked(self, local: tuple[str, ...], remote: str, options: dict[str, Any], **more: Any) -> Asked:
        from cockpit.fleet.files.jobs import Asked
        from cockpit.fleet.run.plan import Plan

        return Asked(
            machines=self.machines,
            local=local,
            remote=remote,
            plan=Plan(forks=options["forks"]),
            timeout_seconds=options["timeout"],
            checksum=options["checksum"],
            **more,
        )

    def send(self, asked: Asked, way: Way, *, yes: int | None, dry_run: bool) -> NoReturn:
        """Put or sync, or say what that would do, and end the program as it ended."""
        from cockpit.cli.fleet.agreed import agreed
        from cockpit.fleet.files.jobs import compare_job, read, send_job
        from cockpit.fleet.files.orders import Way
        from cockpit.model import errors

        try:
            if self.settings.ui.read_only and not dry_run:
                raise errors.Refused("cockpit is read-only here; nothing is changed on hosts")
            agreed(self.machines, yes, changes=not dry_run)
            if way is Way.MIRROR and yes is None and not dry_run:
                count = len(self.machines)
                raise errors.Refused(f"this deletes what is only there: see --dry-run, then write --yes={count}")
            here = read(asked, way)
            if dry_run:
                told, ended = self.compared, self.ended
                self._do(compare_job(self.roster, asked, way, sending=here, compared=told, ended=ended))
            self._do(send_job(self.roster, asked, way, sending=here, watch=self.watch, ended=self.ended))
        except errors.SourceError as error:
            refuse([str(error)])

    def get(self, asked: Asked, *, dry_run: bool) -> NoReturn:
        """Fetch, or say what from where, and end the program as it ended."""
        from cockpit.fleet.files.jobs import get_job
        from cockpit.model import errors
        from cockpit.tasks.manager import dry_run as explain

        try:
            job = get_job(self.roster, asked, watch=self.watch, ended=self.ended)
            if dry_run:
                for line in explain(job):
                    click.echo(drawn(line))
                self._ctx.exit(0)
            self._do(job)
        except errors.SourceError as error:
            refuse([str(error)])

    def _do(self, job: Job) -> NoReturn:
        self._ctx.exit(asyncio.run(self._run(job)))

    async def _run(self, job: Job) -> int:
        from cockpit.tasks.action import State
        from cockpit.tasks.headless import run_headless
        from cockpit.tasks.manager import TaskManager

        async with TaskManager.open() as tasks:

            def gone() -> None:
                for record in tasks.active:
                    tasks.cancel(record.key)

            writing = asyncio.create_task(self.out.run(gone))
            ticking = asyncio.create_task(self._tick())
            try:
                record = await run_headless(tasks, job)
                ticking.cancel()
                self.out.complain(self._sum() or record.why or str(record.state))
                if self._ends and record.why:
                    self.out.complain(f"{record.state.replace('_', ' ')}: {record.why}")
            finally:
                self.out.close()
                await writing
        return 0 if record.state is State.SUCCEEDED else INTERRUPTED if record.state is State.CANCELLED else FAILED

    def watch(self, transfers: Transfers) -> None:
        """They have begun."""
        self._transfers = transfers

    def ended(self, end: HostEnd) -> None:
        """One host has ended."""
        from cockpit.fleet.results.outcome import Outcome

        self._ends.append(end)
        name = end.machine.name
        if self._json:
            self._say_json(end)
        elif end.outcome is not Outcome.OK:
            self.out.complain(f"{name}: {end.words}{f': {end.why}' if end.why else ''}")
        elif name not in self._places:
            self._say(f"{name}: {end.summary}")

    def compared(self, machine: Machine, place: Place) -> None:
        """What would be done on one host."""
        from cockpit.fleet.files import describe

        self._places[machine.name] = place
        if not self._json:
            for line in describe.lines(place):
                self._say(f"{machine.name}: {line}")

    def _say(self, line: str) -> None:
        self.out.put(drawn(line).encode("utf-8", "replace") + b"\n")

    def _say_json(self, end: HostEnd) -> None:
        import msgspec

        from cockpit.fleet.files import describe
        from cockpit.model.printable import escaped

        said: dict[str, object] = {
            "host": end.machine.name,
            "address": end.machine.address,
            "outcome": end.outcome,
            "error": end.why or None,
            "duration_seconds": round(end.duration_seconds, 3),
        }
        place = self._places.get(end.machine.name)
        said |= msgspec.to_builtins(end.done if place is None else describe.changes(place))
        self.out.put(escaped(msgspec.json.encode(said).decode()).encode() + b"\n")

    def _sum(self) -> str:
        """ "3 hosts: 2 ok, 1 unreachable"."""
        from cockpit.fleet.results.outcome import Outcome

        counts = Counter(end.words for end in sorted(self._ends, key=lambda end: list(Outcome).index(end.outcome)))
        hosts = f"{len(self._ends)} host{'s' if len(self._ends) != 1 else ''}"
        return f"{hosts}: {', '.join(f'{count} {word}' for word, count in counts.items())}" if counts else ""

    async def _tick(self) -> None:
        """The line of progress, until cancelled."""
        from cockpit.model.units import human_bytes

        before = 0
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            under_way = dict(self._transfers.bytes) if self._transfers is not None else {}
            now = sum(done for done, _ in under_way.values())
            rate = max(0, now - before) / STATUS_SECONDS
            before = now
            self.out.status(
                f"{len(self._ends)} of {len(self.machines)} hosts, {len(under_way)} under way: "
                f"{human_bytes(now)}, {human_bytes(rate)}/s"
            )
