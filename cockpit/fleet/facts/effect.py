"""A small script that changes something on one host, and what it says came of that."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import sent
from cockpit.fleet.facts.posix import command_line
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.tasks.action import CancelUnconfirmed

MOST_BYTES = 256 * 1024
_PROLOGUE = """
exec 2>&1
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin:/usr/bin:/bin
as=
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null; then as="sudo -n"; fi
tell() { printf %s "$mark"; printf " %s" "$@"; echo; }
"""
"""`$as` goes before what only root may; `tell WORDS` says what happened, told from other output by a mark."""


async def effect(pool: Pool, machine: Machine, script: str, words: Sequence[str], *, in_doubt: str) -> list[list[str]]:
    """Run `script` with `words` as its $1 and on; gives the words of each `tell`, and "output" lines between them.

    `in_doubt` says what may go on when it is cancelled. Raises errors.Unreachable, Denied and Refused when it was not
    started, UnknownOutcome when the connection was lost, CancelUnconfirmed when it was cancelled on its way.
    """
    mark = secrets.token_hex(8)
    line = command_line(f"mark={mark}\n{_PROLOGUE}{script}", *words)
    said = bytearray()
    async with pool.used(), sent(pool, machine, line) as remote:
        try:
            while (chunk := await remote.read()) is not None:
                said += chunk.data[: MOST_BYTES - len(said)]
        except asyncio.CancelledError:
            raise CancelUnconfirmed(in_doubt) from None
        if not remote.ending.known:
            why = f"{machine.where}: the connection was lost after the command was sent ({remote.ending.lost})"
            raise errors.UnknownOutcome(f"{why}; {in_doubt}")
    return [
        line.split()[1:] if line.startswith(f"{mark} ") else ["output", line]
        for line in said.decode("utf-8", "replace").splitlines()
        if line.strip()
    ]
