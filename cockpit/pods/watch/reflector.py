"""List and watch of the objects of one kind in one namespace (or in all), by the rules of client-go's reflector.

Its state outlives a broken stream: the next `changes` watches on from the last resource version and lists anew only
when the server has forgotten it. The client library's Watch is not used: it spins on an empty answer, yields HTML and
half lines as events, retries 410 with the same version and hangs on a half-open connection.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Generic, TypeVar

import msgspec

from cockpit.model import clock, errors
from cockpit.model.changes import Change, Confirm, Remove, Reset, Upsert
from cockpit.pods.api.connection import Connection, Expired, Forbidden, refusal
from cockpit.pods.api.lines import EVENT_BYTES, LineSplitter
from cockpit.pods.api.wire import Anything, Metadata, ObjectList, Status, WatchEvent
from cockpit.pods.kinds.kind import Kind, R

PAGE = 500
WATCH_SECONDS = (300, 600)
"""The server ends a watch after a random time between these."""
READ_SECONDS = 150.0
"""Bookmarks come about each minute; a connection that was silent for so long is taken for dead."""
SHORTEST_WATCH_SECONDS = 1.0
SLICE_SECONDS = 0.005

_page = msgspec.json.Decoder(ObjectList)
_event = msgspec.json.Decoder(WatchEvent)
_anything = msgspec.json.Decoder(Anything)
_status = msgspec.json.Decoder(Status)
X = TypeVar("X")


class Reflector(Generic[R]):
    """Rows by namespace and name, so that an object that replaced another under its name takes its place."""

    def __init__(
        self, kind: Kind[R], source: str, namespace: str, selectors: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """An empty namespace: all. `selectors` go with every list and watch."""
        self._kind, self._source = kind, source
        self._where = f"{source}: namespace {namespace}" if namespace else source
        self._everywhere = not namespace
        self._path = kind.collection(namespace)
        self._selectors = selectors
        self._rows_by_name: dict[str, dict[str, R]] = {}
        self._version = ""

    @property
    def listed(self) -> bool:
        """A list was read whole, and its version is not known to have expired."""
        return bool(self._version)

    @property
    def rows(self) -> Iterator[R]:
        """All that is known, of the last consistent state."""
        return (row for named in self._rows_by_name.values() for row in named.values())

    async def changes(self, connection: Connection) -> AsyncGenerator[Change[R], None]:
        """`Reset` first. Ends only by raising `model.errors`."""
        announced = False
        while True:
            listed = not self._version
            if listed:
                await self._list(connection)
                announced = True
                yield Reset(tuple(self.rows))
            started, before = clock.steady(), self._version
            try:
                async with aclosing(self._watch(connection)) as stream:
                    async for change in stream:
                        if announced:
                            yield change
                        else:
                            announced = True
                            yield Reset(tuple(self.rows))
            except Expired as error:
                heard, self._version = self._version != before, ""
                if listed and not heard:
                    raise errors.Unreachable(f"{self._where}: a fresh list has already expired") from error
                continue
            if self._version == before and clock.steady() - started < SHORTEST_WATCH_SECONDS:
                raise errors.Unreachable(f"{self._where}: the watch ended at once")

    async def _list(self, connection: Connection) -> None:
        """Replace everything at once, when the last page is there."""
        try:
            rows, version = await self._pages(connection, PAGE)
        except Expired:
            # A continue token outlived its snapshot: one list in one piece, as client-go does.
            rows, version = await self._pages(connection, 0)
        except Forbidden as error:
            mend = "; set namespaces in [[pods]] to those you may read" if self._everywhere else ""
            raise Forbidden(f"{error}{mend}") from error
        self._rows_by_name, self._version = rows, version

    async def _pages(self, connection: Connection, limit: int) -> tuple[dict[str, dict[str, R]], str]:
        """All pages; the next one is on its way while this one is decoded."""
        rows: dict[str, dict[str, R]] = {}
        query = {**self._selectors, **({"limit": str(limit)} if limit else {})}
        coming = asyncio.create_task(connection.body(self._path, query))
        try:
            while True:
                page = self._page(await coming)
                token = page.metadata.continue_
                if token:
                    coming = asyncio.create_task(connection.body(self._path, {**query, "continue": token}))
                await self._decoded(page, rows)
                if not token:
                    return rows, page.metadata.resource_version
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    def _page(self, body: bytes) -> ObjectList:
        try:
            page = _page.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"{self._where}: not a list of {self._kind.resource}: {error}") from error
        if not page.metadata.resource_version:
            raise errors.Malformed(f"{self._where}: a list without resourceVersion")
        return page

    async def _decoded(self, page: ObjectList, rows: dict[str, dict[str, R]]) -> None:
        turn = clock.steady() + SLICE_SECONDS
        for raw in page.items or ():
            row, _ = self._kind.decode(self._source, raw)
            rows.setdefault(row.namespace, {})[row.name] = row
            if clock.steady() > turn:
                await asyncio.sleep(0)
                turn = clock.steady() + SLICE_SECONDS

    async def _watch(self, connection: Connection) -> AsyncGenerator[Change[R], None]:
        """Changes since the last version; first a Confirm when the server has accepted the watch."""
        query = {
            **self._selectors,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        }
        splitter = LineSplitter(EVENT_BYTES)
        async with connection.stream(self._path, query, read_seconds=READ_SECONDS) as response:
            yield Confirm()
            async with aclosing(connection.chunks(response)) as chunks:
                async for chunk in chunks:
                    for change in self._take(splitter.feed(chunk)):
                        yield change
                    splitter.check()
        if splitter.end().strip():
            raise errors.Unreachable(f"{self._where}: the watch was cut in the middle of an event")

    def _take(self, lines: list[bytes]) -> list[Change[R]]:
        """Events of one chunk, merged by row. Any byte that came is a sign of life."""
        upserts: dict[str, R] = {}
        removed: dict[str, None] = {}
        for line in lines:
            if line.strip():
                # An error here ends the stream: what came before it is told by the Reset of the next one.
                self._event(line, upserts, removed)
        changes: list[Change[R]] = []
        if removed:
            changes.append(Remove(tuple(removed)))
        if upserts:
            changes.append(Upsert(tuple(upserts.values())))
        return changes or [Confirm()]

    def _event(self, line: bytes, upserts: dict[str, R], removed: dict[str, None]) -> None:
        try:
            event = _event.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"{self._where}: not a watch event: {error}") from error
        match event.type:
            case "ADDED" | "MODIFIED":
                row, version = self._kind.decode(self._source, event.object)
                named = self._rows_by_name.setdefault(row.namespace, {})
                before = named.get(row.name)
                if before is not None and before.key != row.key:
                    upserts.pop(before.key, None)
                    removed[before.key] = None
                named[row.name] = row
                upserts[row.key] = row
                removed.pop(row.key, None)
            case "DELETED":
                row, version = self._kind.decode(self._source, event.object)
                named = self._rows_by_name.get(row.namespace, {})
                before = named.get(row.name)
                if before is not None and before.key == row.key:
                    del named[row.name]
                upserts.pop(row.key, None)
                removed[row.key] = None
            case "BOOKMARK":
                version = _lenient(_anything, event.object, Anything(Metadata())).metadata.resource_version
            case "ERROR":
                said = _lenient(_status, event.object, Status())
                raise refusal(said.code or 500, bytes(event.object), where=self._where)
            case _:
                raise errors.Malformed(f"{self._where}: a watch event of type {event.type!r}")
        if version:
            self._version = version


def _lenient(decoder: msgspec.json.Decoder[X], data: msgspec.Raw, otherwise: X) -> X:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return otherwise
