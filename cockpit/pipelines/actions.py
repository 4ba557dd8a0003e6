"""What can be done to runs: trigger, cancel, rerun. Each is done when its effect has been seen.

A request whose answer was lost is settled by looking: a trigger carries a key, so that it may be sent again without a
second run, and cancel and rerun name the attempt that the user saw. Only when that does not settle it is the outcome
unknown.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from cockpit.config.problems import masked
from cockpit.config.settings import PipelineSource
from cockpit.model import errors
from cockpit.model.user import user_name
from cockpit.pipelines.connection import Connection, NothingDone, connect
from cockpit.pipelines.run import Run
from cockpit.pipelines.wire import IDEMPOTENCY_KEY, AttemptRequest, RunDetail, RunInfo, Taken, TriggerRequest
from cockpit.tasks.action import Action, CancelUnconfirmed, Input, Job, Progress, Risk, State, Target

LANE = "pipelines"
LOOK_SECONDS = 0.25
DOUBT_LOOKS = 8
"""So often the server is asked what became of a request, a second apart, before its outcome counts as unknown."""
CANCEL_SECONDS = 60.0
Deed = Callable[[Progress, Connection, Run], Awaitable[None]]


def target_of(run: Run) -> Target:
    """What an action on a run touches."""
    return Target(f"pipelines/{run.key}", run.title, run.production, run.read_only)


def pipelines_actions(sources: Mapping[str, PipelineSource]) -> tuple[Action[Run], ...]:
    """The pane's catalogue. `sources` by name."""
    return (
        Action(
            id="pipelines.trigger",
            title="Trigger a run",
            key="T",
            risk=Risk.SAFE,
            bind=partial(_bind_trigger, sources),
            disabled=partial(_trigger_disabled, sources),
            inputs=(
                Input("repository", "Repository", hint="acme/shop; empty: that of the row", required=False),
                Input("ref", "Branch or ref", hint="empty: that of the row, or the default branch", required=False),
            ),
            many=False,
            needs_items=False,
        ),
        Action(
            id="pipelines.cancel",
            title="Cancel run",
            key="X",
            risk=Risk.DISRUPTIVE,
            bind=partial(_bind, sources, "pipelines.cancel", "Cancel", Risk.DISRUPTIVE, _cancel),
            disabled=_cancel_disabled,
        ),
        Action(
            id="pipelines.rerun",
            title="Run again",
            key="R",
            risk=Risk.SAFE,
            bind=partial(_bind, sources, "pipelines.rerun", "Run again", Risk.SAFE, _rerun),
            disabled=_rerun_disabled,
        ),
    )


def _read_only(runs: Sequence[Run]) -> str | None:
    return next((f"{run.source} is read-only" for run in runs if run.read_only), None)


def _trigger_disabled(sources: Mapping[str, PipelineSource], runs: Sequence[Run]) -> str | None:
    if not sources:
        return "no CI server is configured"
    if all(source.read_only for source in sources.values()):
        return "every source is read-only"
    return _read_only(runs)


def _cancel_disabled(runs: Sequence[Run]) -> str | None:
    if all(run.finished for run in runs):
        return "has ended already"
    return next((f"{run.title} has ended already" for run in runs if run.finished), None) or _read_only(runs)


def _rerun_disabled(runs: Sequence[Run]) -> str | None:
    return next((f"{run.title} has not ended yet" for run in runs if not run.finished), None) or _read_only(runs)


def _bind_trigger(sources: Mapping[str, PipelineSource], runs: Sequence[Run], inputs: Mapping[str, str]) -> Job:
    row = runs[0] if runs else None
    typed, ref = inputs.get("repository", "").strip(), inputs.get("ref", "").strip()
    source, repository = _where(sources, row, typed)
    if row is not None and repository == row.repository:
        ref = ref or row.ref
    if source.read_only:
        raise errors.Refused(f"{source.name} is read-only")
    target = Target(f"pipelines/{source.name}/{repository}", repository, source.production, source.read_only)
    on = f" on {ref}" if ref else " on its default branch"
    sentence = f"Trigger a run of {repository}{on} in {source.name}"
    request = TriggerRequest(repository=repository, ref=ref, actor=user_name())
    return Job(
        action="pipelines.trigger",
        sentence=sentence,
        targets=(target,),
        run=partial(_trigger, source, request, secrets.token_hex(16)),
        lane=LANE,
        shared=frozenset({target.key}),
        preview=(f"POST {masked(source.url).rstrip('/')}/api/v1/runs: {repository}{on}",),
    )


def _where(sources: Mapping[str, PipelineSource], row: Run | None, typed: str) -> tuple[PipelineSource, str]:
    """The source and the repository that are meant; "SOURCE/REPOSITORY" names one of several sources."""
    if not typed:
        if row is None:
            raise errors.Refused("type a repository, such as acme/shop")
        return sources[row.source], row.repository
    first, _, rest = typed.partition("/")
    if rest and "/" in rest and first in sources:
        return sources[first], rest
    if row is not None:
        return sources[row.source], typed
    if len(sources) == 1:
        return next(iter(sources.values())), typed
    raise errors.Refused(f"type SOURCE/{typed}; the sources are {', '.join(sources) or 'none'}")


def _bind(
    sources: Mapping[str, PipelineSource],
    action: str,
    verb: str,
    risk: Risk,
    deed: Deed,
    runs: Sequence[Run],
    _: Mapping[str, str],
) -> Job:
    targets = tuple(target_of(run) for run in runs)
    if (why := _read_only(runs)) is not None:
        raise errors.Refused(why)
    names = ", ".join(run.title for run in runs[:3]) + (f" and {len(runs) - 3} more" if len(runs) > 3 else "")
    return Job(
        action=action,
        sentence=f"{verb} {names} in {', '.join(sorted({run.source for run in runs}))}",
        targets=targets,
        run=partial(_each, sources, tuple(runs), deed),
        risk=risk,
        lane=LANE,
        timeout_seconds=CANCEL_SECONDS,
        exclusive=frozenset(target.key for target in targets),
        preview=tuple(f"{verb} {run.title}, attempt {run.attempt}, {run.ref} in {run.source}" for run in runs),
    )


async def _each(sources: Mapping[str, PipelineSource], runs: Sequence[Run], deed: Deed, progress: Progress) -> None:
    """The deed on every run, side by side, with an outcome each."""
    failures: list[errors.SourceError] = []

    async def one(run: Run) -> None:
        name = target_of(run).key
        try:
            async with (
                connect(sources[run.source]) as connection,
                _on_its_way(f"the request for {run.title} may have arrived"),
            ):
                await deed(progress, connection, run)
        except errors.UnknownOutcome as error:
            progress.outcome(name, State.UNKNOWN, str(error))
            failures.insert(0, error)
        except errors.SourceError as error:
            progress.outcome(name, State.FAILED, str(error))
            failures.append(error)
        else:
            progress.outcome(name, State.SUCCEEDED)
        done[0] += 1
        progress.step(done[0], len(runs))

    done = [0]
    slots = asyncio.Semaphore(8)

    async def bounded(run: Run) -> None:
        async with slots:
            await one(run)

    try:
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(bounded(run))
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    if not failures:
        return
    if len(runs) == 1 or isinstance(failures[0], errors.UnknownOutcome):
        raise failures[0]
    raise errors.Refused(f"{len(failures)} of {len(runs)} failed; the first: {failures[0]}")


async def _trigger(source: PipelineSource, request: TriggerRequest, key: str, progress: Progress) -> None:
    async with connect(source) as connection, _on_its_way("the run may have been queued"):
        asked = 0
        while True:
            try:
                taken = await connection.post("/api/v1/runs", request, Taken, **{IDEMPOTENCY_KEY: key})
                break
            except NothingDone as error:
                if not asked:
                    raise
                doubt: errors.SourceError = error
            except (errors.Unreachable, errors.Malformed) as error:
                doubt = error
            asked += 1
            if asked >= DOUBT_LOOKS:
                raise errors.UnknownOutcome(f"{doubt}; the run may have been queued: look before you trigger again")
            progress.say(f"no answer came; asking again with the same key ({doubt})")
            await asyncio.sleep(1.0)
        seen = await _look(connection, taken.run.id)
        progress.say(f"{seen.repository} #{seen.number} is {seen.phase}")


async def _cancel(progress: Progress, connection: Connection, run: Run) -> None:
    async def ask() -> RunInfo:
        return await _ask(connection, run, "cancel")

    def taken(info: RunInfo) -> bool:
        return info.attempt == run.attempt and (info.phase == "cancelling" or info.result == "cancelled")

    info = await _settled(connection, run, ask, taken, progress)
    try:
        while info.result is None and info.attempt == run.attempt:
            await asyncio.sleep(LOOK_SECONDS)
            info = await _look(connection, run.id)
    except (errors.Unreachable, errors.Malformed) as error:
        raise errors.UnknownOutcome(f"{run.title} was being cancelled, then: {error}") from error
    if info.result != "cancelled":
        raise errors.Refused(f"{run.title} had ended before the cancel reached it: {info.result or info.phase}")
    progress.say(f"{run.title} is cancelled")


async def _rerun(progress: Progress, connection: Connection, run: Run) -> None:
    async def ask() -> RunInfo:
        return await _ask(connection, run, "rerun")

    info = await _settled(connection, run, ask, lambda info: info.attempt > run.attempt, progress)
    info = await _look(connection, info.id)
    if info.attempt <= run.attempt:
        raise errors.UnknownOutcome(f"{run.title} was to run again, but is still at attempt {info.attempt}")
    progress.say(f"{run.title} runs again as attempt {info.attempt}: {info.phase}")


async def _ask(connection: Connection, run: Run, verb: str) -> RunInfo:
    request = AttemptRequest(attempt=run.attempt, actor=user_name())
    return (await connection.post(f"/api/v1/runs/{run.id}/{verb}", request, Taken)).run


async def _settled(
    connection: Connection,
    run: Run,
    ask: Callable[[], Awaitable[RunInfo]],
    taken: Callable[[RunInfo], bool],
    progress: Progress,
) -> RunInfo:
    """The run after the request. With the answer lost, what the server shows decides."""
    try:
        return await ask()
    except NothingDone:
        raise
    except (errors.Unreachable, errors.Malformed) as error:
        doubt: errors.SourceError = error
    progress.say(f"no answer came; looking what became of it ({doubt})")
    for _ in range(DOUBT_LOOKS):
        await asyncio.sleep(1.0)
        try:
            info = await _look(connection, run.id)
        except (errors.Unreachable, errors.Malformed) as error:
            doubt = error
            continue
        if taken(info):
            return info
        # It reached nothing so far, and may still: not ours to say that it will not.
        break
    raise errors.UnknownOutcome(f"{run.title}: {doubt}; look at the run before you try again") from doubt


async def _look(connection: Connection, run: int | str) -> RunInfo:
    return (await connection.get(f"/api/v1/runs/{run}", RunDetail)).run


@asynccontextmanager
async def _on_its_way(what: str) -> AsyncIterator[None]:
    """From the first byte until its effect is seen: a cancel meanwhile cannot take a request back."""
    try:
        yield
    except asyncio.CancelledError as error:
        raise CancelUnconfirmed(what) from error
