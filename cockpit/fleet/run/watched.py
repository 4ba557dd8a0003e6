"""A run as somebody sees it: on its way in this cockpit or in another one, or past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Protocol

from msgspec import Struct, convert
from msgspec.structs import replace

from cockpit.fleet.results import record
from cockpit.fleet.results.history import History, HostLine, RunRecord
from cockpit.fleet.results.outcome import Outcome, Phase
from cockpit.fleet.results.pages import Pages
from cockpit.fleet.run.order import Order
from cockpit.fleet.run.plan import Plan
from cockpit.fleet.run.rows import HostRow
from cockpit.fleet.run.run import Run, RunState
from cockpit.model import clock
from cockpit.model.changes import Delta

LOOK_SECONDS = 1.0
"""Between two looks at a run of another cockpit."""
INTERRUPTED = "interrupted"
BLANK_LINES = 50
"""At the end of an output, passed over to find one that says something."""


class Files(Struct, frozen=True):
    """Where the output of a host is."""

    stdout: Path | None = None
    """None: it said nothing there."""
    stderr: Path | None = None


class Watched(Protocol):
    """What a screen needs of a run."""

    @property
    def id(self) -> str: ...

    @property
    def order(self) -> Order:
        """As it was asked for. Of a past run `machines` is empty: they may be others by now."""

    @property
    def hosts(self) -> int:
        """In all."""

    @property
    def live(self) -> Run | None:
        """What can be paused, resumed and aborted here."""

    @property
    def rows(self) -> Mapping[str, HostRow]: ...

    @property
    def state(self) -> str:
        """A RunState, or INTERRUPTED."""

    @property
    def why(self) -> str: ...

    @property
    def started_at(self) -> float | None:
        """Unix seconds."""

    @property
    def ended_at(self) -> float | None: ...

    def files(self, name: str) -> Files: ...

    def follow(self) -> AsyncIterator[Delta[HostRow]]:
        """The whole at once, then what changes; of a past run it ends. Raises model.errors."""


class OwnRun:
    """A run of this cockpit, with the instants of its task."""

    def __init__(self, run: Run, task_id: str, started_at: float | None, ended_at: float | None) -> None:
        self.live: Run = run
        self.id = task_id
        self.started_at, self.ended_at = started_at, ended_at

    @property
    def order(self) -> Order:
        return self.live.order

    @property
    def hosts(self) -> int:
        return len(self.live.rows)

    @property
    def rows(self) -> Mapping[str, HostRow]:
        return self.live.rows

    @property
    def state(self) -> str:
        return self.live.state

    @property
    def why(self) -> str:
        return "; ".join(filter(None, [self.live.why, self.live.fault]))

    def files(self, name: str) -> Files:
        row = self.live.rows[name]
        if row.result is not None:
            return _files(row.result)
        output = self.live.output(name)
        if output is None:
            return Files()
        return Files(
            output.stdout_path if output.stdout_bytes else None, output.stderr_path if output.stderr_bytes else None
        )

    async def follow(self) -> AsyncIterator[Delta[HostRow]]:
        async for delta in self.live.follow():
            if self.started_at is None and self.live.state is not RunState.WAITING:
                self.started_at = clock.wall()
            if self.ended_at is None and self.live.state is RunState.ENDED:
                self.ended_at = clock.wall()
            yield delta


class KeptRun:
    """A run of the history; one that another cockpit has on its way is looked at again and again."""

    live = None

    def __init__(self, history: History, kept: RunRecord) -> None:
        self._history, self._kept = history, kept
        self.rows: dict[str, HostRow] = {}

    @property
    def id(self) -> str:
        return self._kept.summary.key

    @property
    def order(self) -> Order:
        kept = self._kept
        return Order(
            machines=(),
            command=kept.summary.command,
            plan=convert(kept.plan, Plan),
            timeout_seconds=kept.timeout_seconds,
            connect_seconds=kept.connect_seconds,
            sudo=kept.sudo,
            idempotent=kept.idempotent,
            selection=kept.summary.selection,
        )

    @property
    def hosts(self) -> int:
        return self._kept.summary.hosts

    @property
    def state(self) -> str:
        return {record.RUNNING: RunState.RUNNING, record.ENDED: RunState.ENDED}.get(
            self._kept.summary.state, INTERRUPTED
        )

    @property
    def why(self) -> str:
        here = "it runs in another cockpit" if self.state == RunState.RUNNING else ""
        return "; ".join(filter(None, [here, self._kept.summary.why]))

    @property
    def started_at(self) -> float:
        return self._kept.summary.started_at

    @property
    def ended_at(self) -> float | None:
        return self._kept.summary.ended_at

    def files(self, name: str) -> Files:
        row = self.rows.get(name)
        return Files() if row is None or row.result is None else _files(row.result)

    async def follow(self) -> AsyncIterator[Delta[HostRow]]:
        self.rows.update({line.host: _row(line) for line in self._kept.hosts if line.host not in self.rows})
        seen = dict(self.rows)
        yield Delta(reset=True, upserts=dict(seen), health=True)
        while True:
            silent = [row for row in self.rows.values() if not row.last_line and row.out_bytes]
            self.rows.update(await asyncio.to_thread(_last_lines, silent))
            new = {name: row for name, row in self.rows.items() if row is not seen.get(name)}
            seen.update(new)
            yield Delta(upserts=new, health=True)
            if self.state != RunState.RUNNING:
                return
            await asyncio.sleep(LOOK_SECONDS)
            self._kept = await asyncio.to_thread(self._history.read, self.id)
            self.rows.update({line.host: _row(line) for line in self._kept.hosts if line.host not in self.rows})


def said_so_far(watched: Watched) -> list[HostLine]:
    """The line of each host that said anything; of one that has not ended only the files are right."""
    found: list[HostLine] = []
    for row in watched.rows.values():
        if row.result is not None:
            found.append(row.result)
        elif row.out_bytes:
            files = watched.files(row.name)
            found.append(
                HostLine(
                    host=row.name,
                    address=row.address,
                    outcome=Outcome.UNKNOWN_OUTCOME,
                    spill=str(files.stdout) if files.stdout else None,
                    stderr_spill=str(files.stderr) if files.stderr else None,
                )
            )
    return found


def _row(line: HostLine) -> HostRow:
    size = line.stdout_bytes + line.stderr_bytes
    return HostRow(line.host, line.host, line.address, phase=Phase.DONE, result=line, out_bytes=size, lines=line.lines)


def _files(line: HostLine) -> Files:
    out, err = line.spill, line.stderr_spill
    return Files(Path(out) if out else None, Path(err) if err else None)


def _last_lines(rows: list[HostRow]) -> dict[str, HostRow]:
    """The rows with their last line, read from the files. Blocks; a file that is gone says nothing."""
    found: dict[str, HostRow] = {}
    for row in rows:
        files = _files(row.result) if row.result is not None else Files()
        for path in filter(None, (files.stderr, files.stdout)):
            if said := _last_line(path):
                found[row.key] = replace(row, last_line=said)
                break
    return found


def _last_line(path: Path) -> str:
    pages = Pages(path)
    try:
        for line in islice(pages.before(pages.size()), BLANK_LINES):
            if text := line.data.strip():
                return text[:300].decode("utf-8", "replace")
    except OSError:
        pass
    finally:
        pages.close()
    return ""
