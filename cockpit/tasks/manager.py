"""The only place where anything is changed: every action becomes a task here, locked, bounded, recorded."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from cockpit.config.places import state_dir as default_state_dir
from cockpit.model import clock, errors
from cockpit.model.changes import Delta
from cockpit.tasks import run, spills
from cockpit.tasks.action import Job, State
from cockpit.tasks.bookkeeper import Bookkeeper, NotRecorded
from cockpit.tasks.locks import SharedLocks
from cockpit.tasks.output import Output, text
from cockpit.tasks.records import Records, TaskRecord, settled, targets_of
from cockpit.tasks.task import Task
from cockpit.tasks.terminal import Lend

log = logging.getLogger(__name__)

LANES: Mapping[str, int] = {"default": 8, "fleet": 4, "pods": 8, "pipelines": 4, "forward": 32}
"""How many tasks of a lane run at once; a lane that is not named here has DEFAULT_LANE."""
DEFAULT_LANE = 4
REFRESH_SECONDS = 2.0
"""Between two looks at what other processes do."""
WRITE_SECONDS = 0.5
"""Between two writes of the progress of running tasks."""
KEPT_OUTPUTS, KEPT_BYTES = 50, 32 * 2**20
"""Ended tasks whose output stays in memory, and how much of it in all; of older ones it is read from the spill."""
CLOSE_GRACE_SECONDS = 10.0
_ALPHABET = "abcdefghjkmnpqrstvwxyz0123456789"


class TaskManager:
    """Runs jobs: locks first, then the lane, the journal, and only then the effect.

    Use it as `async with TaskManager.open() as tasks`. Leaving drains it.
    """

    def __init__(self, folder: Path, lanes: Mapping[str, int]) -> None:
        self._folder = folder
        self._lane_sizes = lanes
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._books = Bookkeeper(folder)
        self._locks = SharedLocks(folder)
        self._spill_thread = ThreadPoolExecutor(1, "spill")
        self._records = Records()
        self._tasks: dict[str, Task] = {}
        """Those that have not ended."""
        self._ended: dict[str, Task] = {}
        self._runners: dict[str, asyncio.Task[None]] = {}
        self.lend: Lend | None = None
        """The way to the person's terminal, for tasks that need it; set by whoever draws on it."""
        self._queued: set[str] = set()
        """Those that wait; a cancel ends them at once."""
        self._touched: dict[str, Task] = {}
        self._draining = False

    @classmethod
    @asynccontextmanager
    async def open(
        cls, state_dir: Path | None = None, *, lanes: Mapping[str, int] = LANES
    ) -> AsyncIterator[TaskManager]:
        """A manager whose journal is in `state_dir` (None: COCKPIT_STATE_DIR, else the XDG place).

        Opening does not wait for the disk, and a journal that cannot be used is no error here: `fault` says so, and
        no job is run until it can be.
        """
        manager = cls((state_dir or default_state_dir()) / "tasks", lanes)
        keeper = asyncio.create_task(manager._keep(), name="tasks:keep")
        try:
            yield manager
        finally:
            try:
                await manager.drain(CLOSE_GRACE_SECONDS)
            finally:
                keeper.cancel()
                await asyncio.wait([keeper])
                await manager._close()

    @property
    def records(self) -> Mapping[str, TaskRecord]:
        """The newest tasks of the last day by id, of other processes too, live: do not keep it across an await."""
        return self._records.items

    @property
    def active(self) -> Sequence[TaskRecord]:
        """The tasks of this process that have not ended."""
        return [task.record for task in self._tasks.values()]

    @property
    def fault(self) -> str:
        """Why the journal cannot be used, in one line; empty when it can."""
        return self._books.fault

    async def loaded(self) -> None:
        """Wait until `records` holds what the journal knows, or `fault` says why not."""
        await self._books.looked.wait()

    def submit(self, job: Job, *, listener: Callable[[str, str], None] | None = None) -> Task:
        """Queue a job. `listener(target, line)` is told every line of output at once.

        Raises `errors.Refused` for a read-only target, or when cockpit is closing.
        """
        check(job)
        if self._draining:
            raise errors.Refused("cockpit is closing; nothing new is started")
        key = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        record = TaskRecord(
            key=key,
            action=job.action,
            sentence=job.sentence,
            state=State.QUEUED,
            risk=job.risk,
            lane=job.lane,
            who=self._books.who,
            created_at=clock.wall(),
            owner=self._books.owner,
            targets=targets_of(job.targets),
        )
        output = Output(spills.path(self._folder, key), self._spill_thread, listener)
        task = Task(job, record, output, self._records, self._touched)
        task.lend = self.lend
        self._tasks[key] = task
        self._runners[key] = asyncio.create_task(self._run(task), name=f"task:{key}")
        return task

    def task(self, task_id: str) -> Task | None:
        """A task of this process, ended not long ago or not yet."""
        return self._tasks.get(task_id) or self._ended.get(task_id)

    async def wait(self, task_id: str) -> TaskRecord:
        """Wait for the end of a task of this process. Raises `errors.NotFound`."""
        task = self.task(task_id)
        if task is None:
            raise errors.NotFound(f"no task {task_id} in this cockpit; see: cockpit tasks list")
        return await task.done()

    def cancel(self, task_id: str) -> None:
        """Ask a task of this process to stop; `done()` tells what came of it. An ended one stays as it is.

        Raises `errors.Refused` for a task of another process, `errors.NotFound` for one that is not known.
        """
        task = self._tasks.get(task_id)
        if task is None:
            record = self._records.items.get(task_id)
            if record is None:
                raise errors.NotFound(f"no task {task_id}; see: cockpit tasks list")
            if not record.ended:
                raise errors.Refused(f"it belongs to another cockpit (process {record.owner.pid}); cancel it there")
            return
        if task.cancelled.is_set():
            return
        task.cancelled.set()
        if task_id in self._queued:
            self._runners[task_id].cancel()

    async def drain(self, grace: float) -> Sequence[TaskRecord]:
        """Start nothing more, give running tasks `grace` seconds, then cancel them. Queued ones are cancelled at once.

        Gives the records of the tasks whose end is in doubt: unknown, or a cancel that was not confirmed.
        """
        self._draining = True
        tasks = list(self._tasks.values())
        for task in tasks:
            if task.record.started_at is None:
                self.cancel(task.id)
        runners = list(self._runners.values())
        if runners:
            await asyncio.wait(runners, timeout=grace)
            for key in list(self._tasks):
                self.cancel(key)
            await asyncio.wait(runners)
        return [
            task.record
            for task in tasks
            if task.record.state is State.UNKNOWN or task.record.why.startswith(run.UNCONFIRMED)
        ]

    def follow(self, period: float = 0.1) -> AsyncIterator[Delta[TaskRecord]]:
        """The tasks as they change: the whole at once, then at most one delta each `period` seconds."""
        return self._records.follow(period)

    async def output(self, task_id: str, target: str = "") -> list[str]:
        """The lines so far, of one target (by name) or of all; the middle may be left out, and then says so."""
        task = self.task(task_id)
        if task is not None:
            return [text(line) for _, line in task.output.lines(target)]
        return await spills.ends(spills.path(self._folder, task_id), target)

    async def tail(self, task_id: str, target: str = "") -> AsyncIterator[str]:
        """All lines from the first on, then new ones until the task ends; of other processes too."""
        many = not target and len(self._targets(task_id)) > 1
        task = self.task(task_id)
        stream = spills.follow(
            spills.path(self._folder, task_id),
            lambda: self._is_over(task_id),
            None if task is None else task.output.grown,
        )
        async with aclosing(stream):
            async for name, line in stream:
                if not target or name == target:
                    yield f"{name}: {line}" if many and name else line

    def _targets(self, task_id: str) -> Sequence[object]:
        record = self._records.items.get(task_id)
        return () if record is None else record.targets

    def _is_over(self, task_id: str) -> bool:
        task = self.task(task_id)
        if task is not None:
            return task.output.closed
        record = self._records.items.get(task_id)
        return record is None or record.ended

    async def _run(self, task: Task) -> None:
        self._queued.add(task.id)
        try:
            state, why = await self._through(task)
        except asyncio.CancelledError:
            if task.record.started_at is None:
                state, why = State.CANCELLED, "before it started"
            else:
                state, why = State.FAILED, f"{run.UNCONFIRMED}: cockpit was ended over it"
        except NotRecorded as error:
            state, why = State.FAILED, f"not run, for it cannot be recorded: {error}"
        except Exception as error:
            log.exception("the task manager failed over task %s", task.id)
            state, why = State.FAILED, f"defect in cockpit: {error!r}; see the log"
        self._queued.discard(task.id)
        await self._end(task, state, why)

    async def _through(self, task: Task) -> tuple[State, str]:
        job = task.job
        await self._books.begin(task.record)
        task.become(replace(task.record, who=self._books.who))
        if task.cancelled.is_set():
            return State.CANCELLED, "before it started"
        async with run.recorded(self._locks.hold(exclusive=job.exclusive, shared=job.shared, waiting=task.waits)):
            lane = self._lanes.setdefault(job.lane, asyncio.Semaphore(self._lane_sizes.get(job.lane, DEFAULT_LANE)))
            if lane.locked():
                task.waits(f"waits for a place in the lane {job.lane}")
            async with lane:
                self._queued.discard(task.id)
                running = replace(task.record, state=State.RUNNING, why="", started_at=clock.wall(), attempts=1)
                await self._books.write([running])
                if task.cancelled.is_set():
                    return State.CANCELLED, "before it started"
                task.become(running)
                log.debug("task %s %s runs on %d targets", task.id, job.action, len(job.targets))
                return await run.to_its_end(task)

    async def _end(self, task: Task, state: State, why: str) -> None:
        await task.output.close()
        record = settled(task.seal(), state, "; ".join(filter(None, [why, task.output.fault])), clock.wall())
        record = replace(record, who=self._books.who)
        fault = await self._books.close_record(record)
        if fault and fault not in record.why:
            record = replace(record, why="; ".join(filter(None, [record.why, f"not recorded: {fault}"])))
        log.debug("task %s %s: %s", task.id, record.action, record.state)
        del self._tasks[task.id]
        del self._runners[task.id]
        self._ended[task.id] = task
        self._forget_outputs()
        task.end(record)

    def _forget_outputs(self) -> None:
        """The oldest first; that of the newest task stays, whatever its size."""
        held = {key: task.output.held_bytes for key, task in self._ended.items()}
        total = sum(held.values())
        for key, size in list(held.items())[:-1]:
            if len(self._ended) <= KEPT_OUTPUTS and total <= KEPT_BYTES:
                return
            del self._ended[key]
            total -= size

    async def _keep(self) -> None:
        """Write progress down and read what other processes do, until cancelled."""
        refresh_at = 0.0
        while True:
            touched = list(self._touched.values())
            self._touched.clear()
            for task in touched:
                task.become(task.counted())
            await self._books.note([task.record for task in touched if task.id not in self._queued])
            if clock.steady() >= refresh_at:
                self._take(await self._books.look())
                refresh_at = clock.steady() + REFRESH_SECONDS
            await asyncio.sleep(WRITE_SECONDS)

    def _take(self, seen: Iterable[TaskRecord] | None) -> None:
        """What the journal knows, save of own tasks, which are known better here. None: nothing new."""
        if seen is None:
            return
        found = {record.key: record for record in seen if self.task(record.key) is None}
        for record in found.values():
            self._records.put(record)
        for key in [key for key in self._records.items if key not in found and self.task(key) is None]:
            self._records.drop(key)

    async def _close(self) -> None:
        await self._locks.close()
        await self._books.close()
        self._spill_thread.shutdown(wait=False)


def check(job: Job) -> None:
    """Raises `errors.Refused` when a target is read-only."""
    locked = [target.name for target in job.targets if target.read_only]
    if locked:
        more = f" and {len(locked) - 1} more" if len(locked) > 1 else ""
        raise errors.Refused(f"{locked[0]}{more} is read-only; see read_only in the configuration")


def dry_run(job: Job) -> list[str]:
    """What the job would do, a line each, without doing it. Raises `errors.Refused` like `submit`."""
    check(job)
    lines = [
        job.sentence,
        *[f"  {target.name}{' (production)' if target.production else ''}" for target in job.targets],
    ]
    return [*lines, *job.preview, "dry run: nothing was changed"]
