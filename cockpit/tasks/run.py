"""One job from its start to its end: time-out, cancel, retry, and what its end means."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from msgspec.structs import replace

from cockpit.model import errors
from cockpit.tasks.action import CancelUnconfirmed, Retry, State
from cockpit.tasks.bookkeeper import NotRecorded
from cockpit.tasks.records import verdict
from cockpit.tasks.task import Task

log = logging.getLogger(__name__)

UNCONFIRMED = "cancel unconfirmed"
_strays: set[asyncio.Task[None]] = set()
"""Runs that did not stop when told to; kept until they do."""


@asynccontextmanager
async def recorded(held: AbstractAsyncContextManager[None]) -> AsyncIterator[None]:
    """Locks that cannot be shared with other processes forbid the run like a row that cannot be written."""
    from cockpit.tasks.store import StoreError

    try:
        async with held:
            yield
    except StoreError as error:
        raise NotRecorded(str(error)) from error


async def to_its_end(task: Task) -> tuple[State, str]:
    """Attempts until one succeeds, the policy gives up, the time is over or a cancel comes."""
    job = task.job
    loop = asyncio.get_running_loop()
    deadline = None if job.timeout_seconds is None else loop.time() + job.timeout_seconds
    while True:
        attempt = asyncio.create_task(_attempt(task), name=f"run:{task.id}")
        stop = await _until(attempt, task.cancelled, deadline)
        if stop is not None:
            return await _stopped(task, attempt, stop)
        error = None if attempt.cancelled() else attempt.exception()
        if attempt.cancelled():
            return State.FAILED, "its run cancelled itself"
        if error is None:
            return verdict(task.record.targets)
        cause = _cause(error)
        if not _again(job.retry, cause, task.record.attempts):
            return _fate(cause)
        pause = _pause_seconds(job.retry, cause, task.record.attempts)
        task.say(f"attempt {task.record.attempts} failed: {_said(cause)}; again in {pause:.1f} s")
        nap = asyncio.create_task(asyncio.sleep(pause))
        stop = await _until(nap, task.cancelled, deadline)
        nap.cancel()
        if stop is not None:
            return stop, f"{_after(task, stop)}the last attempt failed: {_said(cause)}"
        task.become(replace(task.record, attempts=task.record.attempts + 1))


async def _attempt(task: Task) -> None:
    await task.job.run(task)


async def _until(work: asyncio.Task[None], cancelled: asyncio.Event, deadline: float | None) -> State | None:
    """Wait for the work. CANCELLED or TIMED_OUT when it must be stopped before its end.

    Not `asyncio.timeout`: a TimeoutError of the work itself is a failure, and the work must not be cancelled twice.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.create_task(cancelled.wait())
    try:
        await asyncio.wait(
            [work, asked],
            timeout=None if deadline is None else max(0.0, deadline - loop.time()),
            return_when=asyncio.FIRST_COMPLETED,
        )
    except asyncio.CancelledError:
        cancelled.set()
    finally:
        asked.cancel()
    if work.done():
        return None
    return State.CANCELLED if cancelled.is_set() else State.TIMED_OUT


async def _stopped(task: Task, attempt: asyncio.Task[None], stop: State) -> tuple[State, str]:
    """Cancel the run and believe only what it confirms."""
    job = task.job
    attempt.cancel()
    await asyncio.wait([attempt], timeout=job.stop_seconds)
    after = _after(task, stop)
    if not attempt.done():
        _strays.add(attempt)
        attempt.add_done_callback(_stray_ended)
        return State.FAILED, f"{UNCONFIRMED}: {after}it did not stop within {job.stop_seconds:g} s"
    if attempt.cancelled():
        return stop, after.removesuffix(", ")
    error = attempt.exception()
    if error is None:
        return verdict(task.record.targets)
    cause = _cause(error)
    if isinstance(cause, errors.UnknownOutcome):
        return _fate(cause)
    return State.FAILED, f"{UNCONFIRMED}: {after}{_said(cause)}"


def _after(task: Task, stop: State) -> str:
    return f"after {task.job.timeout_seconds:g} s, " if stop is State.TIMED_OUT else ""


def _stray_ended(attempt: asyncio.Task[None]) -> None:
    _strays.discard(attempt)
    if not attempt.cancelled() and (error := attempt.exception()) is not None:
        log.warning("%s ended after its task had: %r", attempt.get_name(), error)


def _again(retry: Retry, cause: BaseException, attempts: int) -> bool:
    never = (errors.UnknownOutcome, CancelUnconfirmed)
    return attempts < retry.attempts and isinstance(cause, retry.errors) and not isinstance(cause, never)


def _pause_seconds(retry: Retry, cause: BaseException, attempts: int) -> float:
    pause = min(retry.most_seconds, retry.first_seconds * 2.0 ** min(attempts - 1, 30)) * (0.5 + random.random())
    return max(pause, cause.retry_after_seconds) if isinstance(cause, errors.RateLimited) else pause


def _fate(cause: BaseException) -> tuple[State, str]:
    match cause:
        case errors.UnknownOutcome():
            return State.UNKNOWN, _said(cause)
        case CancelUnconfirmed():
            return State.FAILED, f"{UNCONFIRMED}: {_said(cause)}"
        case errors.SourceError():
            return State.FAILED, _said(cause)
        case TimeoutError():
            return State.FAILED, str(cause) or "it waited in vain for an answer"
        case _:
            log.error("a job has a defect", exc_info=cause)
            return State.FAILED, f"{type(cause).__name__}: {_said(cause)}"


def _said(cause: BaseException) -> str:
    return " ".join(str(cause).split()) or type(cause).__name__


def _cause(error: BaseException) -> BaseException:
    """Of a group (a run with a TaskGroup): what leaves the outcome in doubt, else the first known cause."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    for kind in (errors.UnknownOutcome, CancelUnconfirmed, errors.SourceError, BaseException):
        found: BaseException | None = error.subgroup(kind)
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        if found is not None:
            return found
    return error
