"""Takes queued runs and runs them: check out, read the pipeline file, run its steps, report every transition.

Nothing here waits for a webhook and no webhook waits for this: the ledger is between them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct

from cockpit.config.settings import Repository
from cockpit.model.units import human_duration
from cockpit.pipelines.wire import RunInfo
from cockpit.server.ci import log as logs
from cockpit.server.ci import pipeline_file, process
from cockpit.server.ci.checkout import FETCH_SECONDS, Checkout, CheckoutFailed, checkout
from cockpit.server.ci.ledger import Claim, Conflict, Ledger
from cockpit.server.ci.log import LogFile
from cockpit.server.ci.store import Store

log = logging.getLogger(__name__)

GRACE_SECONDS = 5.0
"""Between SIGTERM and SIGKILL of a step."""
RETRY_SECONDS = 1.0
"""Until the ledger is tried again after it refused (a full disk)."""


class Outcome(Struct, frozen=True):
    result: str
    reason: str = ""


class Engine:
    """The built-in workers. `data` holds `logs/RUN/ATTEMPT.log` and, while an attempt runs, `work/RUN-ATTEMPT/`."""

    def __init__(
        self,
        store: Store,
        data: Path,
        repositories: Mapping[str, Repository],
        *,
        workers: int,
        grace_seconds: float = GRACE_SECONDS,
        log_bytes: int = logs.MOST_BYTES,
    ) -> None:
        self._store = store
        self._data = data
        self._repositories = repositories
        self._workers = workers
        self._grace = grace_seconds
        self._log_bytes = log_bytes
        self._active: dict[int, asyncio.Task[Outcome]] = {}
        self._told: set[int] = set()
        """Active runs that were told to stop. Told again, they would give up stopping what they started."""
        self._stopping = False

    async def recover(self) -> None:
        """Before the first claim: what an earlier server left running is killed, and its runs are queued again."""
        for was in await self._store.read(Ledger.open_attempts):
            if not await process.sweep(was.cookie):
                log.error("run %s: processes of attempt %s do not go away", was.run, was.attempt)
            why = "the server ended while it ran"
            await self._store.write(partial(_interrupt, run=was.run, attempt=was.attempt, why=why))
        await asyncio.to_thread(_remove, self._data / "work")

    async def run(self) -> None:
        """Work until `stop`."""
        async with asyncio.TaskGroup() as group:
            for number in range(max(1, self._workers)):
                group.create_task(self._work(), name=f"worker-{number}")

    def stop(self) -> None:
        """No new claims; what runs is stopped and queued again for the next server. `run` then returns."""
        self._stopping = True
        for run in self._active:
            self.cancel(run)

    def cancel(self, run: int) -> None:
        """Stop a run that the ledger has as cancelling; any number of times."""
        task = self._active.get(run)
        if task is not None and run not in self._told:
            self._told.add(run)
            task.cancel()

    async def _work(self) -> None:
        while not self._stopping:
            changed = self._store.changed
            try:
                claim = await self._store.write(lambda ledger: ledger.claim(time.time()))
            except sqlite3.Error:
                log.exception("cannot take a run from the queue")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if claim is None:
                await changed.wait()
            else:
                try:
                    await self._attempt(claim)
                except Exception:
                    log.exception("run %s: defect in the engine; it is run again at the next start", claim.run.id)

    async def _attempt(self, claim: Claim) -> None:
        run, attempt = claim.run.id, claim.run.attempt
        task = asyncio.create_task(self._execute(claim), name=f"run-{run}")
        self._active[run] = task
        lost: Outcome | None = None
        try:
            # A cancel may have come between the claim and the line above.
            phase = (await self._store.read(lambda ledger: ledger.detail(run))).run.phase
            if self._stopping or phase == "cancelling":
                self.cancel(run)
            await asyncio.wait({task})
        except sqlite3.Error as error:
            lost = Outcome("errored", f"the server cannot read its records: {error}")
            self.cancel(run)
            await asyncio.wait({task})
        finally:
            del self._active[run]
            self._told.discard(run)
        end: Callable[[Ledger], object]
        if lost is not None or not task.cancelled():
            end = partial(_finish, run=run, attempt=attempt, outcome=lost or task.result())
        elif self._stopping:
            end = partial(_interrupt, run=run, attempt=attempt, why="the server was stopped while it ran")
        else:
            end = partial(_cancelled, run=run, attempt=attempt)
        await self._record(end)

    async def _record(self, end: Callable[[Ledger], object]) -> None:
        """The end of an attempt is written sooner or later; when the server ends first, it is found as interrupted."""
        while True:
            try:
                await self._store.write(end)
            except Conflict as conflict:
                log.warning("%s", conflict)
            except sqlite3.Error:
                log.exception("cannot record the end of a run")
                if not self._stopping:
                    await asyncio.sleep(RETRY_SECONDS)
                    continue
            return

    async def _execute(self, claim: Claim) -> Outcome:
        """One attempt from the checkout to the last step. Cancelled, it has stopped everything that it started."""
        run, attempt = claim.run.id, claim.run.attempt
        work = self._data / "work" / f"{run}-{attempt}"
        try:
            written = await LogFile.open(logs.path(self._data, run, attempt), most_bytes=self._log_bytes)
            try:
                outcome = await self._judged(claim, work, written)
                await written.say(f"{outcome.result}{': ' if outcome.reason else ''}{outcome.reason}")
            finally:
                await written.close()
        except OSError as error:
            return Outcome("errored", f"the server cannot write: {error.strerror or error}")
        finally:
            await process.sweep(claim.cookie)
            await asyncio.to_thread(_remove, work)
        return outcome

    async def _judged(self, claim: Claim, work: Path, written: LogFile) -> Outcome:
        try:
            return await self._steps(claim, work, written)
        except CheckoutFailed as failure:
            return Outcome("errored", f"checkout: {failure}")
        except pipeline_file.BadPipeline as failure:
            return Outcome("errored", str(failure))
        except process.Lost as failure:
            return Outcome("errored", str(failure))
        except sqlite3.Error as failure:
            return Outcome("errored", f"the server cannot record: {failure}")
        except OSError as failure:
            return Outcome("errored", f"the server cannot go on: {failure.strerror or failure}")
        except Exception as failure:
            log.exception("run %s: defect in the engine", claim.run.id)
            return Outcome("errored", f"defect in cockpit: {failure!r}; see the server's log")

    async def _steps(self, claim: Claim, work: Path, written: LogFile) -> Outcome:
        run, attempt = claim.run.id, claim.run.attempt
        repository = self._repositories.get(claim.run.repository)
        if repository is None:
            return Outcome("errored", f"{claim.run.repository} is not in [[server.repositories]] any more")
        await asyncio.to_thread(_make, work)
        found = await self._checkout(claim, repository, work, written)
        await self._store.write(
            lambda ledger: ledger.describe(run, attempt, sha=found.sha, name=found.subject, now=time.time())
        )
        if found.pipeline is None:
            return Outcome("errored", f"there is no {pipeline_file.PATH} in {found.sha[:12]}")
        pipeline = await asyncio.to_thread(pipeline_file.parse, found.pipeline)
        names = [step.name for step in pipeline.steps]
        await self._store.write(lambda ledger: ledger.plan(run, attempt, names, time.time()))
        env = _environment(claim, found, work)
        try:
            async with asyncio.timeout(pipeline.timeout_seconds) as limit:
                for number, step in enumerate(pipeline.steps, 1):
                    await written.say(f"step {number}/{len(names)}: {step.name}")
                    await self._store.write(partial(_start_step, claim.run, number, written.offset))
                    outcome = await self._step(step, {**env, "COCKPIT_STEP": step.name}, work, written)
                    await self._store.write(partial(_finish_step, claim.run, number, outcome))
                    if outcome.result != "success":
                        return Outcome(outcome.result, f"step {step.name}: {outcome.reason}")
        except TimeoutError:
            if not limit.expired():
                raise
            return Outcome("timed_out", f"the run took longer than {human_duration(pipeline.timeout_seconds)}")
        return Outcome("success")

    async def _checkout(self, claim: Claim, repository: Repository, work: Path, written: LogFile) -> Checkout:
        try:
            async with asyncio.timeout(FETCH_SECONDS) as limit:
                return await checkout(
                    repository.url,
                    claim.run.ref,
                    claim.run.sha,
                    work / "src",
                    cookie=claim.cookie,
                    say=written.say,
                    grace_seconds=self._grace,
                )
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise CheckoutFailed(f"took longer than {human_duration(FETCH_SECONDS)}") from error

    async def _step(self, step: pipeline_file.Step, env: Mapping[str, str], work: Path, written: LogFile) -> Outcome:
        try:
            async with asyncio.timeout(step.timeout_seconds) as limit:
                ended = await process.run(
                    ["/bin/sh", "-e", "-c", step.run],
                    cwd=work / "src",
                    env=env,
                    write=written.write,
                    grace_seconds=self._grace,
                )
        except TimeoutError:
            if not limit.expired():
                raise
            return Outcome("timed_out", f"took longer than {human_duration(step.timeout_seconds or 0)}")
        return Outcome("success" if ended.ok else "failed", ended.reason)


def _finish(ledger: Ledger, *, run: int, attempt: int, outcome: Outcome) -> None:
    ledger.finish(run, attempt, outcome.result, outcome.reason, time.time())


def _interrupt(ledger: Ledger, *, run: int, attempt: int, why: str) -> None:
    ledger.interrupt(run, attempt, why, time.time())


def _cancelled(ledger: Ledger, *, run: int, attempt: int) -> None:
    """With the reason that the request for it left."""
    reason = ledger.detail(run).run.reason
    ledger.finish(run, attempt, "cancelled", reason or "cancelled", time.time())


def _start_step(run: RunInfo, number: int, offset: int, ledger: Ledger) -> None:
    ledger.start_step(run.id, run.attempt, number, offset, time.time())


def _finish_step(run: RunInfo, number: int, outcome: Outcome, ledger: Ledger) -> None:
    ledger.finish_step(run.id, run.attempt, number, outcome.result, outcome.reason, time.time())


def _environment(claim: Claim, found: Checkout, work: Path) -> dict[str, str]:
    """All that a step sees of the server: where programs are, and which run it is. None of the server's variables."""
    run = claim.run
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work / "home"),
        "TMPDIR": str(work / "tmp"),
        "LANG": "C.UTF-8",
        "CI": "true",
        "COCKPIT": "1",
        "COCKPIT_REPOSITORY": run.repository,
        "COCKPIT_RUN": str(run.number),
        "COCKPIT_ATTEMPT": str(run.attempt),
        "COCKPIT_EVENT": run.event,
        "COCKPIT_REF": run.ref,
        "COCKPIT_SHA": found.sha,
        process.COOKIE: claim.cookie,
    }


def _make(work: Path) -> None:
    _remove(work)
    for name in ("src", "home", "tmp"):
        (work / name).mkdir(parents=True)


def _remove(folder: Path) -> None:
    """A whole tree, with folders that a step made unwritable. What cannot go stays for the next start."""
    for parent, _, _ in os.walk(folder):
        try:
            os.chmod(parent, 0o700, follow_symlinks=True)
        except OSError:
            continue
    shutil.rmtree(folder, ignore_errors=True)
