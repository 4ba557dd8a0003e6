"""Secrets by reference: an environment variable, a file or a command. The value lives in memory only."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cockpit.model import errors

COMMAND_SECONDS = 10.0
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


async def resolve(*, env: str = "", file: str = "", command: Sequence[str] = (), what: str = "token") -> str:
    """The secret that is named, without blanks around it, or "" when none is.

    Raises `errors.Denied` with the mend when the named place has nothing, or more than one line: libraries quote a
    header that they cannot send. Never puts the value into a message.
    """
    if env:
        place = f"the environment variable {env}"
        value = os.environ.get(env, "").strip()
        if not value:
            raise errors.Denied(f"{what}: {place} is not set")
    elif file:
        place = file
        value = await asyncio.to_thread(_read, file, what)
    elif command:
        place = command[0]
        value = await _run(command, what)
    else:
        return ""
    if _CONTROL.search(value):
        raise errors.Denied(f"{what}: {place} has more than one line; write the secret alone")
    return value


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
