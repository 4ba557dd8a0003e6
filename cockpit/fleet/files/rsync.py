"""Large files that changed a little: rsync's algorithm over the kept connection, into the staging folder.

rsync(1) starts what it takes for ssh (bridge.py), which joins it to a socket of ours, and that is joined to an
`rsync --server` on the host. The old file there is the basis (--copy-dest), so the new one is whole in the staging
folder like any other. 4 KB changed in 100 MB: 0.13 MB go over instead of 100.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.files import bridge
from cockpit.fleet.files.archive import STAGED
from cockpit.fleet.files.place import Place
from cockpit.fleet.files.scripts import quoted, words
from cockpit.fleet.files.shell import Complaints, Shell, shell
from cockpit.fleet.machine import Machine

LEAST_BYTES = 8 * 2**20
"""Of the file on both sides."""
READ_BYTES = 64 * 1024
START_SECONDS = 10.0
"""For rsync to start its bridge."""
_BASIS = b"basis"
"""A link in the staging folder to the folder that is synced."""


def worth_it(place: Place) -> tuple[bytes, ...]:
    """The changed files that it is for; rsync is given names, so they must be called here as they are there."""
    entries, there = place.tree.entries, place.there
    return tuple(
        path
        for path in place.found.changed
        if entries[path].kind == there[path].kind == "f"
        and min(entries[path].size, there[path].size) >= LEAST_BYTES
        and entries[path].source.endswith(b"/" + path)
    )


async def deltas(
    pool: Pool, machine: Machine, program: str, stage: bytes, place: Place, paths: Sequence[bytes]
) -> int | None:
    """Bring these files into the staging folder; gives the bytes that went over, or None when rsync cannot do it.

    Raises errors.Unreachable when the connection is lost.
    """
    carried = 0
    for base, names in _by_base(place, paths).items():
        async with _started(program, base, names) as rsync:
            if rsync is None:
                return None
            async with shell(pool, machine) as server:
                link = b"rm -f %s && ln -s %s %s" % (_BASIS, quoted(place.root), _BASIS)
                await server.ask(b"cd %s && %s" % (quoted(stage), link))
                await server.become(stage, words(rsync.command))
                carried += await _joined(server, rsync)
                if not server.remote.ending.known:
                    raise server.gone(Complaints())
            if await rsync.process.wait() or server.remote.ending.status:
                return None
    return carried


def _by_base(place: Place, paths: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """The folders here that the names are relative to: one, or for a put one for each of its arguments."""
    found: dict[bytes, list[bytes]] = {}
    for path in paths:
        found.setdefault(place.tree.entries[path].source[: -len(path)], []).append(path)
    return found


class _Rsync:
    """rsync here, on its way to the other side."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        command: list[bytes],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.process = process
        self.command = command
        """What it wants to be run there."""
        self.reader, self.writer = reader, writer


@asynccontextmanager
async def _started(program: str, base: bytes, names: Sequence[bytes]) -> AsyncIterator[_Rsync | None]:
    """None when it did not come so far as to start its bridge. Leaving ends it."""
    options = ["-pt", "--ignore-times", "--no-whole-file", "--no-implied-dirs", f"--copy-dest=../{_BASIS.decode()}"]
    options += ["--files-from=-", "--from0", "-e", f"'{sys.executable}' -I -S '{bridge.__file__}'"]
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue(1)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.put_nowait((reader, writer))

    with tempfile.TemporaryDirectory(prefix="cockpit-") as folder:
        socket = f"{folder}/rsync"
        async with await asyncio.start_unix_server(accept, socket, limit=READ_BYTES):
            process = await asyncio.create_subprocess_exec(
                program,
                *options,
                base,
                f"cockpit:{STAGED.decode()}/",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, bridge.VARIABLE: socket},
            )
            try:
                rsync = await _met(process, came, names)
                try:
                    yield rsync
                finally:
                    if rsync is not None:
                        rsync.writer.close()
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()


async def _met(
    process: asyncio.subprocess.Process,
    came: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
    names: Sequence[bytes],
) -> _Rsync | None:
    assert process.stdin is not None
    process.stdin.write(b"\0".join(names))
    process.stdin.close()
    try:
        async with asyncio.timeout(START_SECONDS):
            reader, writer = await came.get()
            said = await reader.readexactly(int(await reader.readline()))
    except (TimeoutError, ValueError, asyncio.IncompleteReadError):
        return None
    return _Rsync(process, said.split(b"\0"), reader, writer)


async def _joined(server: Shell, rsync: _Rsync) -> int:
    """Both ways until the other side has ended; gives the bytes that went over."""
    carried = 0

    async def up() -> None:
        nonlocal carried
        while data := await rsync.reader.read(READ_BYTES):
            carried += len(data)
            server.remote.write(data)
            await server.remote.room()
        server.remote.eof()

    going = asyncio.create_task(up())
    try:
        while (chunk := await server.read()) is not None:
            if not chunk.stderr:
                carried += len(chunk.data)
                rsync.writer.write(chunk.data)
                await rsync.writer.drain()
    except ConnectionError:
        await server.remote.stop()
    finally:
        going.cancel()
        await asyncio.wait([going])
    rsync.writer.close()
    return carried
