"""A shell or a command in a container, as a task: recorded as every action is, its output is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from cockpit.model import errors
from cockpit.model.printable import printable
from cockpit.pods.actions.allowed import allowed
from cockpit.pods.actions.batch import Means
from cockpit.pods.actions.remote import Ended, Remote, executed
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.paths import pod_path
from cockpit.pods.api.wire import Container, Wire
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.tasks.action import Action, Input, Job, Progress, Risk, State, Target
from cockpit.tasks.terminal import Lend, join, typed, written

LANE = "shell"
SHELL = ("sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash || exec sh")
"""As k9s does: bash where it is. In one request, so that nothing is tried and failed."""
NO_PROGRAM = "executable file not found"
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
READ_BYTES = 32 * 1024


class _Annotated(Wire, frozen=True):
    annotations: dict[str, str] | None = None


class _Spec(Wire, frozen=True):
    containers: tuple[Container, ...] | None = None


class _Inside(Wire, frozen=True):
    """A pod, as far as it says which containers are in it."""

    metadata: _Annotated
    spec: _Spec = msgspec.field(default_factory=_Spec)


async def chosen_container(connection: Connection, namespace: str, name: str) -> tuple[str, list[str]]:
    """(the one that kubectl takes, all of them): the annotated one, else the first."""
    found = await connection.get(pod_path(namespace, name), _Inside)
    names = [container.name for container in found.spec.containers or ()]
    wanted = (found.metadata.annotations or {}).get(DEFAULT_CONTAINER, "")
    return (wanted if wanted in names else names[0] if names else ""), names


def shell_job(
    cluster: Cluster,
    pod: Target,
    namespace: str,
    name: str,
    *,
    lend: Lend | None = None,
    container: str = "",
    argv: Sequence[str] = (),
    ended: Callable[[Ended], None] | None = None,
) -> Job:
    """A shell, or `argv` on a terminal. The connection is made before the terminal is taken.

    `lend`: instead of the terminal of whoever runs tasks. `ended` is told how it ended, unless the person left.
    """

    async def run(progress: Progress) -> None:
        taken = lend or progress.lend
        if taken is None:
            raise errors.Refused(f"there is no terminal here; run: cockpit pods exec -it {cluster.name}:{pod.name}")
        async with cluster.connected() as connection:
            first, names = await chosen_container(connection, namespace, name)
            inside = container or first
            command = argv or SHELL
            async with (
                executed(connection, namespace, name, inside, command, stdin=True, tty=True) as remote,
                taken() as terminal,
            ):
                if not argv:
                    others = [other for other in names if other != inside]
                    await written(terminal.output, _greeting(pod.name, inside, others))
                left = await join(terminal, read=_bytes(remote), write=remote.write, resize=remote.resize)
        if left:
            progress.say("left by ~.")
            return
        if ended is not None and remote.ended is not None:
            ended(remote.ended)
        _judge(remote.ended, pod, inside, progress)

    what = f"Run {_shown(argv)} on a terminal" if argv else "Open a shell"
    return _job("pods.shell", f"{what} in pod {pod.name}{_in(container)} in {cluster.name}", pod, run)


def command_job(
    cluster: Cluster,
    pod: Target,
    namespace: str,
    name: str,
    argv: Sequence[str],
    *,
    container: str = "",
    stdin: int | None = None,
    ended: Callable[[Ended], None],
    complain: Callable[[str], None],
) -> Job:
    """A command whose streams are this process's own: stdout and stderr, and `stdin` (a descriptor) where it is given.

    The bytes go through as they are, both ways. `ended` is told how it ended.
    """

    async def run(progress: Progress) -> None:
        async with cluster.connected() as connection:
            inside = container or (await chosen_container(connection, namespace, name))[0]
            async with executed(connection, namespace, name, inside, argv, stdin=stdin is not None) as remote:
                feeding = asyncio.create_task(_feed(remote, stdin, complain), name="exec:stdin")
                try:
                    while (chunk := await remote.read()) is not None:
                        await written(2 if chunk.stderr else 1, chunk.data)
                except BrokenPipeError:
                    raise errors.Refused("nobody reads the output any more; the command was left") from None
                finally:
                    feeding.cancel()
                    with suppress(asyncio.CancelledError):
                        await feeding
        if remote.ended is not None:
            ended(remote.ended)
        _judge(remote.ended, pod, inside, progress)

    return _job("pods.exec", f"Run {_shown(argv)} in pod {pod.name}{_in(container)} in {cluster.name}", pod, run)


def shell_actions(means: Means) -> tuple[Action[Pod], ...]:
    """Of the pods' panes."""

    def bind(pods: Sequence[Pod], values: Mapping[str, str]) -> Job:
        (pod,) = pods
        container = values.get("container", "").strip()
        return shell_job(means.clusters[pod.source], means.target(pod), pod.namespace, pod.name, container=container)

    disabled = allowed(means, "create", PODS, "exec", first=without_shell)
    inside = Input("container", "Container", hint="empty: the one that kubectl takes", required=False)
    return (
        Action("pods.shell", "Shell", "s", Risk.SAFE, bind, disabled=disabled, many=False),
        Action("pods.shell_in", "Shell in", "S", Risk.SAFE, bind, disabled=disabled, many=False, inputs=(inside,)),
    )


def container_actions(means: Means, pod: Pod) -> tuple[Action[Object], ...]:
    """Of the pane of this pod's containers."""

    def bind(rows: Sequence[Object], _: Mapping[str, str]) -> Job:
        (row,) = rows
        cluster = means.clusters[pod.source]
        return shell_job(cluster, means.target(pod), pod.namespace, pod.name, container=row.name)

    disabled = allowed(means, "create", PODS, "exec")
    return (Action("containers.shell", "Shell", "s", Risk.SAFE, bind, disabled=disabled, many=False),)


def without_shell(pods: Sequence[Any]) -> str | None:
    """Why no command can be run in them."""
    return next((f"{pod.path} has ended" for pod in pods if pod.phase in ("Succeeded", "Failed")), None)


def _job(action: str, sentence: str, pod: Target, run: Callable[[Progress], Awaitable[None]]) -> Job:
    """In production it is asked first: a shell can do anything. It holds no lock: a restart must not wait for it."""
    risk = Risk.DISRUPTIVE if pod.production else Risk.SAFE
    return Job(action=action, sentence=sentence, targets=(pod,), run=run, risk=risk, lane=LANE, timeout_seconds=None)


def _judge(ended: Ended | None, pod: Target, container: str, progress: Progress) -> None:
    """Raises errors where the command's end is not known."""
    if ended is not None and ended.code is not None:
        progress.say(ended.said)
        progress.outcome(pod.key, State.SUCCEEDED, ended.said)
        return
    why = ended.why if ended is not None else "it was left"
    if NO_PROGRAM in why:
        raise errors.Refused(f"{pod.name}: container {container} has no such program: {why}")
    raise errors.UnknownOutcome(f"{pod.name}: {why}; what ran there may still run")


def _bytes(remote: Remote) -> Callable[[], Awaitable[bytes | None]]:
    async def read() -> bytes | None:
        chunk = await remote.read()
        return None if chunk is None else chunk.data

    return read


async def _feed(remote: Remote, stdin: int | None, complain: Callable[[str], None]) -> None:
    if stdin is None:
        return
    while data := await typed(stdin, READ_BYTES):
        await remote.write(data)
    try:
        await remote.end_input()
    except errors.Refused as error:
        complain(str(error))


def _greeting(pod: str, container: str, others: Sequence[str]) -> bytes:
    also = f" (also here: {', '.join(others)})" if others else ""
    return printable(f"{pod}, container {container}{also}; ~. leaves").encode() + b"\r\n"


def _shown(argv: Sequence[str]) -> str:
    line = " ".join(argv)
    return line if len(line) <= 60 else f"{line[:57]}..."


def _in(container: str) -> str:
    return f", container {container}," if container else ""
