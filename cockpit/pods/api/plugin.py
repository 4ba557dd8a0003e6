"""Credential plugins of a kubeconfig (client.authentication.k8s.io), run by us.

The client library lets a plugin inherit the terminal, waits for it without bound and deadlocks on a full pipe. Here it
gets no input and no controlling terminal, both pipes are drained, and it is killed with its children in the end.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from cockpit.model import clock, errors
from cockpit.pods.kinds.pod.status import unix_seconds

PLUGIN_SECONDS = 30.0
OUTPUT_BYTES = 1024 * 1024
EXPIRY_SKEW_SECONDS = 60.0
"""So long before its end a credential counts as expired."""


_SECRET = re.compile(r"secret|token|passw|pwd|key|credential|auth", re.IGNORECASE)


class LoginNeeded(errors.Denied):
    """A plugin has no credential to give before somebody logs in. The message shows the command without its secrets.

    `command` and `environment` are what to run on the person's terminal; what it prints is for `Cluster.logged_in`.
    """

    def __init__(self, message: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        super().__init__(message)
        self.command, self.environment = tuple(command), dict(environment)


class Credential(Struct, frozen=True, rename="camel"):
    """What a plugin gave (ExecCredential.status)."""

    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: str | None = None

    def expired(self) -> bool:
        """By the wall clock; one without an expiry lasts until the server refuses it, as in client-go."""
        end = unix_seconds(self.expiration_timestamp)
        return end is not None and end - EXPIRY_SKEW_SECONDS <= clock.wall()


class _Answer(Struct, frozen=True):
    kind: str
    status: Credential


async def run_plugin(spec: Mapping[str, Any], cluster: Mapping[str, Any], *, where: str) -> Credential:
    """One run. `spec` is the user's `exec` section, `cluster` the cluster's section.

    Raises errors.Denied, and LoginNeeded of it where running it on a terminal may help.
    """
    try:
        command = [str(spec.get("command") or ""), *(str(arg) for arg in spec.get("args") or ())]
        environment, lent = (_environment(spec, cluster, interactive=value) for value in (False, True))
    except (TypeError, KeyError) as error:
        raise errors.Denied(f"{where}: args and env of the kubeconfig's exec section are not as they should") from error
    shown = masked(command)
    if not command[0]:
        raise errors.Denied(f"{where}: the kubeconfig's exec section names no command")
    if spec.get("interactiveMode") == "Always":
        raise LoginNeeded(f"{where}: login needed; run: {shown}", command, lent)
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        hint = " ".join(str(spec.get("installHint") or "").split())[:200]
        raise errors.Denied(f"{where}: cannot run {command[0]}: {error}" + (f"; {hint}" if hint else "")) from error
    try:
        async with asyncio.timeout(PLUGIN_SECONDS):
            out, err, code = await asyncio.gather(_drain(process.stdout), _drain(process.stderr), process.wait())
    except TimeoutError as error:
        why = f"{command[0]} gave nothing within {PLUGIN_SECONDS:.0f} s"
        raise LoginNeeded(f"{where}: {why}; login needed? run: {shown}", command, lent) from error
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code != 0:
        said = " ".join(err.decode(errors="replace").split())[-200:]
        why = f"{command[0]} ended with {code}{': ' + said if said else ''}"
        raise LoginNeeded(f"{where}: login needed; {why}; run: {shown}", command, lent)
    return read_credential(out, f"{where}: {command[0]}")


def read_credential(printed: bytes, where: str) -> Credential:
    """What a plugin printed. Raises errors.Denied; `where` is the beginning of its message."""
    try:
        answer = msgspec.json.decode(printed, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Denied(f"{where} printed no ExecCredential") from error
    if answer.kind != "ExecCredential" or not (answer.status.token or answer.status.client_certificate_data):
        raise errors.Denied(f"{where} printed an ExecCredential without token or certificate")
    return answer.status


def masked(command: Sequence[str]) -> str:
    """A command to show: the value of an argument whose name looks secret is not said, nor one that follows it."""
    shown: list[str] = []
    hide = False
    for argument in command:
        name, equals, _ = argument.partition("=")
        if hide and not argument.startswith("-"):
            shown.append("***")
        elif equals and _SECRET.search(name):
            shown.append(f"{name}=***")
        else:
            shown.append(argument)
        hide = bool(argument.startswith("-") and not equals and _SECRET.search(argument))
    return " ".join(shown)


def _environment(spec: Mapping[str, Any], cluster: Mapping[str, Any], *, interactive: bool) -> dict[str, str]:
    info: dict[str, Any] = {
        "apiVersion": spec.get("apiVersion") or "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "spec": {"interactive": interactive},
    }
    if spec.get("provideClusterInfo"):
        info["spec"]["cluster"] = dict(cluster)
    added = {str(item["name"]): str(item["value"]) for item in spec.get("env") or ()}
    return {**os.environ, **added, "KUBERNETES_EXEC_INFO": msgspec.json.encode(info).decode()}


async def _drain(stream: asyncio.StreamReader | None) -> bytes:
    """All of it is read, the first MiB is kept."""
    kept = bytearray()
    while stream is not None and (chunk := await stream.read(65536)):
        kept += chunk[: OUTPUT_BYTES - len(kept)]
    return bytes(kept)
