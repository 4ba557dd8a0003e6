"""A command in many pods at once: a task whose output is kept by pod, bounded and spilled as every task's is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from cockpit.model import errors
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Means, named
from cockpit.pods.actions.exec import chosen_container, without_shell
from cockpit.pods.actions.remote import Ended, executed
from cockpit.pods.api.connection import Connection
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.tasks.action import Action, CancelUnconfirmed, Input, Job, Progress, Risk, State, Target

LANE = "pods"
AT_ONCE = 16
COMMAND_SECONDS = 60.0
"""For each pod, as the fleet gives each host."""


def command_actions(means: Means) -> tuple[Action[Pod], ...]:
    """Of the pods' panes."""
    disabled = allowed(means, "create", PODS, "exec", first=without_shell)
    line = Input("command", "Command", hint="a line for sh, in the container that kubectl takes")

    def bind(pods: Sequence[Pod], values: Mapping[str, str]) -> Job:
        return commands_job(means, pods, values["command"])

    return (Action("pods.exec", "Run command", "x", Risk.DISRUPTIVE, bind, disabled=disabled, inputs=(line,)),)


def commands_job(means: Means, pods: Sequence[Pod], line: str) -> Job:
    """One outcome a pod: its exit code. What was begun is not stopped by a cancel: the API cannot."""
    names = named(pods)
    targets = tuple(means.target(pod, name) for pod, name in zip(pods, names, strict=True))

    async def run(progress: Progress) -> None:
        room = asyncio.Semaphore(AT_ONCE)
        begun: set[str] = set()
        async with AsyncExitStack() as stack:
            sources = dict.fromkeys(pod.source for pod in pods)
            connections = {
                source: await stack.enter_async_context(means.clusters[source].connected()) for source in sources
            }
            try:
                async with asyncio.TaskGroup() as group:
                    for pod, target in zip(pods, targets, strict=True):
                        group.create_task(_one(connections[pod.source], pod, target, line, progress, room, begun))
            except asyncio.CancelledError:
                if begun:
                    raise CancelUnconfirmed(f"it may go on in {len(begun)} pods") from None
                raise

    return Job(
        action="pods.exec",
        sentence=f"Run {line!r} in {names[0] if len(names) == 1 else f'{len(names)} pods'}",
        targets=targets,
        run=run,
        risk=Risk.DISRUPTIVE,
        lane=LANE,
        timeout_seconds=None,
        preview=tuple(f"{name}: sh -c {line!r}" for name in names),
    )


async def _one(
    connection: Connection,
    pod: Pod,
    target: Target,
    line: str,
    progress: Progress,
    room: asyncio.Semaphore,
    begun: set[str],
) -> None:
    async with room:
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                ended = await _ran(connection, pod, target, line, progress, begun)
        except TimeoutError:
            why = f"not over after {COMMAND_SECONDS:.0f} s; it may go on there"
            progress.outcome(target.key, State.TIMED_OUT, why)
            return
        except errors.SourceError as error:
            progress.outcome(target.key, State.FAILED, str(error))
            return
    begun.discard(target.key)
    if ended.code is None:
        progress.outcome(target.key, State.UNKNOWN, ended.why)
    else:
        progress.outcome(target.key, State.FAILED if ended.code else State.SUCCEEDED, ended.said)


async def _ran(
    connection: Connection, pod: Pod, target: Target, line: str, progress: Progress, begun: set[str]
) -> Ended:
    container, _ = await chosen_container(connection, pod.namespace, pod.name)
    async with executed(connection, pod.namespace, pod.name, container, ["sh", "-c", line]) as remote:
        begun.add(target.key)
        while (chunk := await remote.read()) is not None:
            progress.write(chunk.data, target=target.name)
            await progress.drained()
        return remote.ended or Ended(why="it was left")
