"""`pods/NAME/exec`: a command in a container, its streams on the channels of a websocket."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import msgspec
from aiohttp import web

from cockpit.demo.kubernetes.containers import Containers, Running, read, started, write
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.refusals import Refusal, bad_request
from cockpit.demo.kubernetes.websockets import PIECE_BYTES, V4, V5, Channels, upgraded

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
TRAILING_SECONDS = 0.3
"""For output of what the command left behind on its streams."""


def running_container(pod: Object, asked: str) -> str:
    """The container that is meant: the one asked for, or the first, which runs. Raises Refusal as kubelet words it."""
    name = pod["metadata"]["name"]
    names = [c["name"] for c in pod["spec"].get("containers", ())]
    container = asked or (pod["metadata"].get("annotations") or {}).get(
        "kubectl.kubernetes.io/default-container", names[0] if names else ""
    )
    if container not in names:
        raise bad_request(f"container {container} is not valid for pod {name}")
    if dig(pod, "status.phase") in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {pod['status']['phase']}")
    statuses = dig(pod, "status.containerStatuses") or ()
    state = next((c.get("state") or {} for c in statuses if c["name"] == container), {})
    if "running" not in state and statuses:
        why = f'unable to upgrade connection: container not found ("{container}")'
        raise Refusal(500, "InternalError", why)
    return str(container)


async def serve_exec(
    request: web.Request,
    pod: Object,
    container: str,
    containers: Containers,
    live: set[Channels],
    gone: asyncio.Task[None],
) -> web.StreamResponse:
    """Until the command ends, or its client does, or the pod (`gone`). `live` holds the connection meanwhile."""
    query = request.query
    command = query.getall("command", [])
    if not command:
        raise bad_request("you must specify at least 1 of stdin, stdout, stderr and a command")
    asked = {name: query.get(name) in ("true", "1") for name in ("stdin", "stdout", "stderr", "tty")}
    response, channels = await upgraded(request, (V5, V4))
    live.add(channels)
    try:
        folder = containers.folder(pod["metadata"]["uid"], container)
        try:
            running = await started(command, pod["metadata"]["name"], folder, tty=asked["tty"])
        except OSError:
            await channels.send(ERROR, msgspec.json.encode(_no_program(command[0], pod, container)))
            return response
        await _attend(channels, running, asked, gone)
    except ConnectionError:
        pass  # the client is gone
    finally:
        live.discard(channels)
        await channels.close()
    return response


async def _attend(channels: Channels, running: Running, asked: dict[str, bool], gone: asyncio.Task[None]) -> None:
    feeding = asyncio.create_task(_feed(channels, running, stdin=asked["stdin"]))
    pumps = [asyncio.create_task(_pump(channels, STDOUT, running.output, shown=asked["stdout"]))]
    if running.errors is not None:
        pumps.append(asyncio.create_task(_pump(channels, STDERR, running.errors, shown=asked["stderr"])))
    waiting = asyncio.create_task(running.child.wait())
    try:
        await asyncio.wait((feeding, waiting, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():  # its container was killed
            running.signal(signal.SIGKILL)
            await waiting
        ended = waiting.done()
        if ended:
            # A slow client gets all that was said: only silence after the end is waited for in vain.
            while not all(pump.done() for pump in pumps):
                done, _ = await asyncio.wait(pumps, timeout=TRAILING_SECONDS)
                if not done:
                    break
    finally:
        for task in (feeding, waiting, *pumps):
            task.cancel()
        await asyncio.gather(feeding, waiting, *pumps, return_exceptions=True)
        code = await asyncio.shield(running.end())
    if ended:
        await channels.send(ERROR, msgspec.json.encode(_status(code)))


async def _feed(channels: Channels, running: Running, *, stdin: bool) -> None:
    """Until the client is gone."""
    if not stdin:
        running.close_input()
    async for channel, data in channels.received():
        if channel == RESIZE and data:
            with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
                size: dict[str, Any] = msgspec.json.decode(data)
                running.resize(int(size["Width"]), int(size["Height"]))
        elif channel == STDIN and data is None:
            running.close_input()
        elif channel == STDIN and data and running.input >= 0:
            with contextlib.suppress(OSError):  # it reads no more
                await write(running.input, data)


async def _pump(channels: Channels, channel: int, descriptor: int, *, shown: bool) -> None:
    while data := await read(descriptor, PIECE_BYTES):
        if shown:
            await channels.send(channel, data)


def _status(code: int) -> Object:
    """As kubelet reports it: pkg/kubelet/server/remotecommand/exec.go."""
    if not code:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def _no_program(program: str, pod: Object, container: str) -> Object:
    """As containerd and runc word it."""
    why = (
        f'error executing command in container: failed to exec in container "{container}": OCI runtime exec failed: '
        f'exec failed: unable to start container process: exec: "{program}": '
        "executable file not found in $PATH: unknown"
    )
    return {"metadata": {}, "status": "Failure", "message": f"Internal error occurred: {why}", "code": 500}
