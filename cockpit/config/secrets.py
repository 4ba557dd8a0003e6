"""Secrets by reference: an environment variable, a file or a command. The value lives in memory only."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from cockpit.model import errors

COMMAND_SECONDS = 10.0


async def resolve(*, env: str = "", file: str = "", command: Sequence[str] = (), what: str = "token") -> str:
    """The secret that is named, or "" when none is.

    Raises `errors.Denied` with the mend when the named place has nothing. Never puts the value into a message.
    """
    if env:
        value = os.environ.get(env, "")
        if not value:
            raise errors.Denied(f"{what}: the environment variable {env} is not set")
        return value
    if file:
        return await asyncio.to_thread(_read, file, what)
    if command:
        return await _run(command, what)
    return ""


def _read(file: str, what: str) -> str:
    path = Path(file).expanduser()
    try:
        value = path.read_text().strip()
    except OSError as error:
        raise errors.Denied(f"{what}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise errors.Denied(f"{what}: {path} is not text") from error
    if not value:
        raise errors.Denied(f"{what}: {path} is empty")
    return value


async def _run(command: Sequence[str], what: str) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise errors.Denied(f"{what}: cannot run {command[0]}: {error.strerror}") from error
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, _ = await process.communicate()
    except TimeoutError as error:
        raise errors.Denied(f"{what}: {command[0]} gave nothing within {COMMAND_SECONDS:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    value = out.decode(errors="replace").strip()
    if process.returncode != 0 or not value:
        raise errors.Denied(f"{what}: {command[0]} ended with {process.returncode} and printed no secret")
    return value
