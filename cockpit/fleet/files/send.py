"""Files to one host: staged beside their place, looked at there, and only then put in place by renames.

Two shells: one holds the staging folder and removes it however things end, the other becomes the tar that fills it.
Whatever goes wrong before the renames leaves what was there as it was.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from msgspec.structs import replace

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.engine.remote import unbroken
from cockpit.fleet.files import releases
from cockpit.fleet.files.archive import SCRIPT, STAGED, archive
from cockpit.fleet.files.compare import Same, by_digest, compare, switch_script
from cockpit.fleet.files.orders import Done, Sending, Tell, Way
from cockpit.fleet.files.place import Place, digests, listed, look
from cockpit.fleet.files.rsync import deltas, worth_it
from cockpit.fleet.files.scripts import words
from cockpit.fleet.files.shell import Complaints, Shell, shell
from cockpit.fleet.files.tree import Entry, total_bytes
from cockpit.fleet.machine import Machine
from cockpit.model import errors

RECEIVE = b"sh -c 'umask 0; exec tar -x -o -p -f -'"
"""Without owners, with permissions; GNU, BSD and BusyBox know these letters. Who is not root gets permissions from
BusyBox less the umask, whatever -p says; nobody else looks into the staging folder.
"""


class Send:
    """Of one order to one host."""

    def __init__(self, pool: Pool, machine: Machine, order: Sending, tell: Tell) -> None:
        self._pool, self._machine, self._order, self._tell = pool, machine, order, tell
        self.done: Done | None = None
        """Set the moment that the new files are in place: a cancel after that undoes nothing."""

    async def compare(self) -> Place:
        """What would be done. Changes nothing. Raises model.errors."""
        async with shell(self._pool, self._machine) as holder:
            return await look(holder, self._order)

    async def run(self) -> Done:
        """Raises model.errors; UnknownOutcome only when the connection is lost while files are put in place."""
        async with shell(self._pool, self._machine) as holder:
            place = await look(holder, self._order)
            if place.found:
                return await self._send(holder, place)
        self.done = Done(skipped=len(place.tree.specials))
        return self.done

    async def _send(self, holder: Shell, place: Place) -> Done:
        release = releases.new_name() if self._order.way is Way.RELEASE else ""
        if release:
            await holder.ask(releases.prepare(place.up))
        stage = await _hold(holder, place)
        staged = stage + b"/" + STAGED
        root = stage + b"/" + releases.CLONE if release else place.root
        entries = place.tree.entries
        script = switch_script(place.found, entries, place.there, root, staged)
        wire = await self._stage(place, stage, script)
        await self._check(holder, staged, {path: entries[path] for path in place.found.sent})
        done = Done(
            files=len(place.found.sent),
            deleted=len(place.found.deleted),
            modes=len(place.found.modes),
            bytes=total_bytes(entries[path] for path in place.found.sent),
            wire_bytes=wire,
            skipped=len(place.tree.specials),
            release=release,
        )
        switch = b'( . "$stage/%s" )' % SCRIPT
        if not release:
            await unbroken(self._switch(holder, switch, done))
            return done
        await holder.ask(b"%s && %s" % (releases.clone(place), switch))
        await self._check_whole(holder, root, place)
        await unbroken(self._switch(holder, releases.swap(place, self._order.remote, release), done))
        try:
            prune = releases.prune(await holder.ask(releases.names(place.up)), place.up, release, self._order.keep)
            if prune:
                await holder.ask(prune)
        except errors.SourceError as error:
            self.done = done = replace(done, note=f"old releases are still there: {error}")
        return done

    async def _stage(self, place: Place, stage: bytes, script: bytes) -> int:
        """Fill the staging folder; gives the bytes that went over."""
        entries, found = place.tree.entries, place.found
        total = total_bytes(entries[path] for path in found.sent)
        big = worth_it(place) if self._order.rsync and place.rsync else ()
        carried = await deltas(self._pool, self._machine, self._order.rsync, stage, place, big) if big else None
        sent = [path for path in found.sent if carried is None or path not in big]
        before = carried or 0
        pieces = archive(entries, sent, script, fractions=place.tar != "plain")
        async with shell(self._pool, self._machine) as receiver:
            await receiver.become(stage, RECEIVE)
            return before + await _pour(receiver, pieces, lambda done: self._tell(min(before + done, total), total))

    async def _check(self, holder: Shell, staged: bytes, sent: dict[bytes, Entry]) -> None:
        """Everything has arrived as it was sent. Raises errors.Malformed."""
        arrived = await listed(holder, staged)
        same: Same = _by_size
        if self._order.checksum:
            same = by_digest(await digests(holder, staged, [path for path, entry in sent.items() if entry.kind == "f"]))
        found = await asyncio.to_thread(compare, sent, arrived, same, delete=True)
        for path in found.sent:
            raise errors.Malformed(f"{_said(path)} did not arrive as it was sent; nothing was changed")

    async def _check_whole(self, holder: Shell, root: bytes, place: Place) -> None:
        """The release is what it should be. Raises errors.Malformed."""
        entries = place.tree.entries
        found = await asyncio.to_thread(compare, entries, await listed(holder, root), _by_size, delete=True)
        for path in found.sent + found.deleted:
            raise errors.Malformed(f"{_said(path)} is not as it should be in the new release; nothing was changed")

    async def _switch(self, holder: Shell, script: bytes, done: Done) -> None:
        """Short, and half of it is no state to leave: a cancel waits for it."""
        try:
            await holder.ask(script)
        except errors.Unreachable as error:
            raise errors.UnknownOutcome(f"{error}; it was putting the files in place: look, or do it again") from error
        except errors.Refused as error:
            raise errors.Refused(f"{error}; it had begun to put files in place: do it again") from error
        self.done = done


def _by_size(path: bytes, here: Entry, there: Entry) -> bool:
    return here.size == there.size


def _said(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


async def _hold(holder: Shell, place: Place) -> bytes:
    """A staging folder; it is the shell's, which removes it at its end."""
    said = await holder.ask(b"hold %s %s" % (secrets.token_hex(4).encode(), words(place.holders)))
    stage, nul, _ = said.partition(b"\0")
    if not nul:
        raise errors.Malformed("the host did not say where its staging folder is")
    return stage


async def _pour(receiver: Shell, pieces: Iterator[bytes], tell: Callable[[int], None]) -> int:
    """An archive into the tar on the other side, to its end. Gives the bytes that went over.

    Raises errors.Refused when tar fails, Unreachable when the connection is lost.
    """
    remote, complaints, sent = receiver.remote, Complaints(), 0

    async def listen() -> None:
        while (chunk := await receiver.read()) is not None:
            complaints.add(chunk.data)

    listening = asyncio.create_task(listen())
    try:
        async with aclosing(ahead(pieces)) as read:
            async for piece in read:
                if listening.done() or complaints.full:
                    break  # GNU tar reads on to the end, complaining of each file
                remote.write(piece)
                await remote.room()
                sent += len(piece)
                tell(sent)
        remote.eof()
        await listening
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    if remote.ending.status != 0:
        raise receiver.failed(complaints)
    return sent


async def ahead(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Read in a thread, the next piece while this one is on its way."""
    reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
    try:
        while (piece := await asyncio.shield(reading)) is not None:
            reading = asyncio.create_task(asyncio.to_thread(next, pieces, None))
            yield piece
    finally:
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()
