"""Files from one host: its tar into a staging folder of ours, and then in place by renames."""

from __future__ import annotations

import asyncio
import os

from msgspec import Struct

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import unbroken
from cockpit.fleet.files.extract import Extract
from cockpit.fleet.files.orders import Done, Tell, remote_path, split
from cockpit.fleet.files.place import digests
from cockpit.fleet.files.scripts import quoted
from cockpit.fleet.files.shell import Complaints, Shell, shell
from cockpit.fleet.files.tree import Excludes, walk
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.spool import file_name
from cockpit.model import errors

PIECE_BYTES = 256 * 1024
"""How much is written at a time."""
_EXACT = b"--format=pax --pax-option=delete=atime,delete=ctime "
"""GNU: nanoseconds of the time of change, and nothing else that pax could say."""


class Fetching(Struct, frozen=True, kw_only=True):
    remote: bytes
    """As it was typed; see orders.remote_path."""
    folder: str
    """Here; with `apart` each host has a folder of its own in it."""
    apart: bool
    checksum: bool = False


class Fetch:
    """From one host."""

    def __init__(self, pool: Pool, machine: Machine, order: Fetching, tell: Tell) -> None:
        self._pool, self._machine, self._order, self._tell = pool, machine, order, tell
        self.done: Done | None = None
        """Set when the files are in place."""

    async def run(self) -> Done:
        """Raises model.errors."""
        typed = remote_path(self._order.remote)
        up, name = split(typed)
        async with shell(self._pool, self._machine) as asked:
            said = await asked.ask(b"look %s %s && found %s" % (quoted(typed), quoted(up), quoted(typed)))
            state, _, here, up, tar, *_ = said.split(b"\0")
            whole = state == b"folder"
            name = name or os.path.basename(here)
            if not name:
                raise errors.Refused(f"{os.fsdecode(typed)} has no name; name a folder in it")
            extract = await asyncio.to_thread(Extract, await asyncio.to_thread(self._folder), name, whole=whole)
            try:
                exact = _EXACT if tar == b"gnu" else b""
                what = b"." if whole else b"-h " + quoted(b"./" + name)
                await asked.become(here if whole else up, b"tar -c -f - %s%s" % (exact, what))
                wire = await self._pour(asked, extract)
                received = await asyncio.to_thread(extract.end)
                if self._order.checksum:
                    await self._check(extract.stage, here if whole else up, name if whole else b"")
                target = os.path.join(os.path.dirname(extract.stage), name)
                done = Done(received.files, bytes=received.bytes, wire_bytes=wire, skipped=received.skipped)
                await unbroken(self._put_in_place(extract, target, done))
                return done
            finally:
                await unbroken(asyncio.to_thread(extract.discard))

    def _folder(self) -> bytes:
        """Where it goes; made when it is not there."""
        path = os.path.join(os.getcwd(), self._order.folder)
        if self._order.apart:
            path = os.path.join(path, file_name(self._machine.name))
        try:
            os.makedirs(path, exist_ok=True)
        except OSError as error:
            raise errors.Refused(f"{path}: {error.strerror}") from error
        return os.fsencode(path)

    async def _pour(self, source: Shell, extract: Extract) -> int:
        """The archive to its end; gives its bytes. A piece is written in a thread while the next one comes."""
        complaints, came = Complaints(), 0
        waiting: list[bytes] = []
        size = 0
        writing: asyncio.Task[None] | None = None
        try:
            while (chunk := await source.read()) is not None:
                if chunk.stderr:
                    complaints.add(chunk.data)
                    continue
                waiting.append(chunk.data)
                size += len(chunk.data)
                if size < PIECE_BYTES:
                    continue
                if writing is not None:
                    await asyncio.shield(writing)
                writing = asyncio.create_task(asyncio.to_thread(extract.feed, b"".join(waiting)))
                came += size
                waiting, size = [], 0
                self._tell(came, None)
        finally:
            if writing is not None:
                await unbroken(asyncio.wait([writing]))
        if writing is not None:
            writing.result()
        await asyncio.to_thread(extract.feed, b"".join(waiting))
        if source.remote.ending.status != 0:
            raise source.failed(complaints)
        return came + size

    async def _check(self, stage: bytes, root: bytes, below: bytes) -> None:
        """SHA-256 here and there. Raises errors.Malformed."""
        tree = await asyncio.to_thread(walk, os.fsdecode(os.path.join(stage, below)), Excludes(), checksum=True)
        files = {path: entry.digest for path, entry in tree.entries.items() if entry.kind == "f"}
        async with shell(self._pool, self._machine) as asked:
            there = await digests(asked, root, list(files))
        for path, digest in files.items():
            if there.get(path) != digest:
                said = path.decode("utf-8", "backslashreplace")
                raise errors.Malformed(f"{self._machine.where}: {said} came as another; nothing was changed here")

    async def _put_in_place(self, extract: Extract, target: bytes, done: Done) -> None:
        await asyncio.to_thread(extract.put_in_place, target)
        self.done = done
