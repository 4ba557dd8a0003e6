"""The keys that a login may offer: files, certificates and the agent's. They are read here, never by asyncssh."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncssh

from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.model import errors

USUAL_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


@asynccontextmanager
async def keys_for(machine: Machine) -> AsyncIterator[list[Any]]:
    """The keys to try. A configured one alone, where it can be read; else the agent's and the usual ones.

    Raises errors.Denied when a configured key cannot be used.
    """
    found, failures = await asyncio.to_thread(_configured, machine.identities or USUAL_KEYS)
    if machine.identities and found:
        yield found
        return
    agent = await _agent()
    try:
        held = await _held(agent)
        if machine.identities and not held:
            raise errors.Denied(f"{machine.where}: {failures[0]}")
        yield [*held, *found]
    finally:
        if agent is not None:
            agent.close()
            await agent.wait_closed()


async def _held(agent: asyncssh.SSHAgentClient | None) -> list[Any]:
    """An agent that does not answer properly has no keys."""
    try:
        return list(await agent.get_keys()) if agent is not None else []
    except (OSError, ValueError):
        return []


async def _agent() -> asyncssh.SSHAgentClient | None:
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return None
    try:
        return await asyncssh.connect_agent(path)
    except (OSError, asyncssh.Error):
        return None


def _configured(paths: tuple[str, ...]) -> tuple[list[asyncssh.SSHKey], list[str]]:
    found: list[asyncssh.SSHKey] = []
    failures: list[str] = []
    for path, changed, size in stamp(os.path.expanduser(path) for path in paths):
        if size < 0:
            failures.append(f"the key {path} does not exist; write another identity or create it")
            continue
        key = _private_key(path, changed, size)
        if isinstance(key, str):
            failures.append(key)
        else:
            found.append(key)
    return found, failures


@lru_cache(maxsize=256)
def _private_key(path: str, changed: int, size: int) -> asyncssh.SSHKey | str:
    """The key, or why not. `changed` and `size` are only there to miss the cache when the file is another."""
    try:
        return asyncssh.import_private_key(Path(path).read_bytes())
    except OSError as error:
        return f"cannot read the key {path}: {error.strerror}"
    except asyncssh.KeyEncryptionError:
        return f"the key {path} has a passphrase; run: ssh-add {path}"
    except (asyncssh.KeyImportError, ValueError) as error:
        if "passphrase" in str(error).lower():
            return f"the key {path} has a passphrase; run: ssh-add {path}"
        return f"the key {path} is not a private key: {error}"
