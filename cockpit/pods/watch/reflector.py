"""List and watch of the objects of one kind in one namespace (or in all), by the rules of client-go's reflector.

Its state outlives a broken stream: the next `changes` watches on from the last resource version and lists anew only
when the server has forgotten it. The client library's Watch is not used: it spins on an empty answer, yields HTML and
half lines as events, retries 410 with the same version and hangs on a half-open connection.

Deliberately not as client-go (tools/cache/reflector.go):
- A list is paged at resourceVersion "" and never asks for "0" or the last version known: it cannot be older than what
  is shown, and its first page comes at once. It is the second choice; a server from 1.34 on streams the list.
- That a server does not stream lists is remembered for each of its API groups, not found out at every list.
- Tables are always listed: the end of a streamed list is marked on an object, which a Table does not carry whole.
- Back-off is the feed's (0.5 to 30 s, jittered, Retry-After honoured), so that the pane can say when it comes back.
- A watch that brought something and then ended within a second is taken up again after a short pause.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from types import MappingProxyType
from typing import Generic, TypeVar

import msgspec

from cockpit.model import clock, errors
from cockpit.model.changes import Change, Confirm, Reset
from cockpit.pods.api.connection import JSON, TABLE, Connection
from cockpit.pods.api.lines import EVENT_BYTES, LineSplitter
from cockpit.pods.api.refusals import Expired, Forbidden, refusal
from cockpit.pods.api.wire import Marked, ObjectList, Status, WatchEvent
from cockpit.pods.kinds.kind import Kind, R
from cockpit.pods.watch.rows import Batch, Rows

PAGE = 500
WATCH_SECONDS = (300, 600)
"""The server ends a watch after a random time between these."""
READ_SECONDS = 150.0
"""Bookmarks come about each minute; a connection that was silent for so long is taken for dead."""
STREAMED_READ_SECONDS = 20.0
"""The same while a list is streamed: a server that does not know how to says nothing after the last object."""
SHORTEST_WATCH_SECONDS = 1.0
SHORT_WATCH_PAUSE_SECONDS = 0.2
POLL_SECONDS = 30.0
"""Between two lists of a kind that cannot be watched."""
SLICE_SECONDS = 0.005
LIST_END = "k8s.io/initial-events-end"
"""Annotation of the bookmark after the last object of a streamed list (KEP-3157)."""

_HEAD = re.compile(rb'\{"type":"([A-Z]+)","object":(?=\{)')
_page = msgspec.json.Decoder(ObjectList)
_event = msgspec.json.Decoder(WatchEvent)
_marked = msgspec.json.Decoder(Marked)
_status = msgspec.json.Decoder(Status)
X = TypeVar("X")


class _Broken(Exception):
    """A streamed list ended before its end; `error` says how, None: there was no end to come."""

    def __init__(self, error: errors.SourceError | None) -> None:
        super().__init__(str(error))
        self.error = error


class Reflector(Generic[R]):
    """`rows` is always one consistent state of the server, or the last one known."""

    def __init__(
        self, kind: Kind[R], source: str, namespace: str, selectors: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """An empty namespace: all. `selectors` go with every list and watch."""
        self._kind, self._source = kind, source
        self._where = f"{source}: namespace {namespace}" if namespace else source
        self._everywhere = not namespace
        self._path = kind.collection(namespace)
        self._selectors = selectors
        self._accept = TABLE if kind.as_table else JSON
        self._rows: Rows[R] = Rows()
        self._version = ""
        self._events = 0
        self._stream_broke = False

    @property
    def listed(self) -> bool:
        """A list was read whole, and its version is not known to have expired."""
        return bool(self._version)

    @property
    def rows(self) -> Iterator[R]:
        """All that is known, of the last consistent state."""
        return iter(self._rows)

    async def changes(self, connection: Connection) -> AsyncGenerator[Change[R], None]:
        """`Reset` first. Ends only by raising `model.errors`."""
        announced = False
        while True:
            fresh = not self._version
            streamed = fresh and self._may_stream(connection)
            if fresh and not streamed:
                await self._list(connection)
                announced = True
                yield Reset(tuple(self._rows))
                if not self._kind.watched:
                    self._version = ""
                    await asyncio.sleep(POLL_SECONDS)
                    continue
            started, heard = clock.steady(), self._events
            try:
                async with aclosing(self._watch(connection, streamed=streamed)) as stream:
                    async for change in stream:
                        # After a cut the followers are told all: what came before an error may not have reached them.
                        yield change if announced or streamed else Reset(tuple(self._rows))
                        announced = True
            except _Broken as broken:
                self._stream_broke = True
                if broken.error is None:
                    connection.cluster.unstreamed.add(self._kind.group_version)
                continue
            except Expired as error:
                self._version = ""
                if fresh and self._events == heard:
                    raise errors.Unreachable(f"{self._where}: a fresh list has already expired") from error
                continue
            if clock.steady() - started < SHORTEST_WATCH_SECONDS:
                if self._events == heard:
                    raise errors.Unreachable(f"{self._where}: the watch ended at once")
                await asyncio.sleep(SHORT_WATCH_PAUSE_SECONDS * random.uniform(0.5, 1.5))

    def _may_stream(self, connection: Connection) -> bool:
        """Whether a list may come as the beginning of a watch: not where one broke off since the last list."""
        return not (
            self._stream_broke
            or self._kind.as_table
            or not self._kind.watched
            or self._kind.group_version in connection.cluster.unstreamed
        )

    # -- lists

    async def _list(self, connection: Connection) -> None:
        """Replace everything at once, when the last page is there."""
        try:
            rows, version = await self._pages(connection, PAGE)
        except Expired:
            # A continue token outlived its snapshot: one list in one piece, as client-go does.
            rows, version = await self._pages(connection, 0)
        except Forbidden as error:
            raise self._forbidden(error) from error
        self._rows, self._version = rows, version
        self._stream_broke = False

    async def _pages(self, connection: Connection, limit: int) -> tuple[Rows[R], str]:
        """All pages; the next one is on its way while this one is decoded."""
        rows: Rows[R] = Rows()
        query = {**self._selectors, **({"limit": str(limit)} if limit else {})}
        coming = asyncio.create_task(connection.body(self._path, query, accept=self._accept))
        try:
            while True:
                page = self._page(await coming)
                token = page.metadata.continue_
                if token:
                    follow = {**query, "continue": token}
                    coming = asyncio.create_task(connection.body(self._path, follow, accept=self._accept))
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
        if not page.metadata.resource_version and self._kind.watched:
            raise errors.Malformed(f"{self._where}: a list without resourceVersion")
        return page

    async def _decoded(self, page: ObjectList, rows: Rows[R]) -> None:
        turn = clock.steady() + SLICE_SECONDS
        for raw in page.rows or page.items or ():
            row, _ = self._kind.decode(self._source, raw)
            rows.put(row)
            if clock.steady() > turn:
                await asyncio.sleep(0)
                turn = clock.steady() + SLICE_SECONDS

    def _forbidden(self, error: Forbidden) -> Forbidden:
        mend = "; set namespaces in [[pods]] to those you may read" if self._everywhere else ""
        return Forbidden(f"{error}{mend}")

    # -- watches

    async def _watch(self, connection: Connection, *, streamed: bool) -> AsyncGenerator[Change[R], None]:
        """Changes since the last version; first a Confirm when the server has accepted the watch.

        `streamed`: a Reset first, of the list that the server streams before the changes (WatchList). What comes goes
        into rows of its own until the bookmark that ends the list. Raises _Broken when that does not come.
        """
        query = {
            **self._selectors,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        }
        if streamed:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        else:
            query["resourceVersion"] = self._version
        rows: Rows[R] = Rows() if streamed else self._rows
        splitter = LineSplitter(EVENT_BYTES)
        began = False
        try:
            async with connection.stream(self._path, query, read_seconds=READ_SECONDS, accept=self._accept) as response:
                began = True
                if not streamed:
                    yield Confirm()
                async with aclosing(connection.chunks(response)) as chunks:
                    turn = clock.steady() + SLICE_SECONDS
                    while True:
                        chunk = await self._chunk(chunks, listing=rows is not self._rows)
                        if chunk is None:
                            break
                        for change in self._take(splitter.feed(chunk), rows):
                            yield change
                        splitter.check()
                        if clock.steady() > turn:
                            await asyncio.sleep(0)
                            turn = clock.steady() + SLICE_SECONDS
            if rows is not self._rows:
                raise _Broken(None)
        except errors.SourceError as error:
            if rows is self._rows:
                raise
            if not began and isinstance(error, errors.Refused) and not isinstance(error, Expired):
                raise _Broken(None) from error
            if isinstance(error, Forbidden):
                raise self._forbidden(error) from error
            if not began and not isinstance(error, Expired):
                raise
            raise _Broken(error) from error
        if splitter.end().strip():
            raise errors.Unreachable(f"{self._where}: the watch was cut in the middle of an event")

    async def _chunk(self, chunks: AsyncGenerator[bytes, None], *, listing: bool) -> bytes | None:
        """None at the end. Raises _Broken when a streamed list stands still."""
        if not listing:
            return await anext(chunks, None)
        try:
            async with asyncio.timeout(STREAMED_READ_SECONDS):
                return await anext(chunks, None)
        except TimeoutError:
            raise _Broken(None) from None

    def _take(self, lines: list[bytes], rows: Rows[R]) -> list[Change[R]]:
        """Events of one chunk, merged by row. Any byte that came is a sign of life."""
        batch = Batch(rows)
        whole = False
        for line in lines:
            if line.strip() and self._event(line, batch, rows):
                # An error here ends the stream: what came before it is told by the Reset of the next one.
                self._rows = rows
                whole = True
        if whole:
            return [Reset(tuple(rows))]
        if rows is not self._rows:
            return []
        return batch.changes or [Confirm()]

    def _event(self, line: bytes, batch: Batch[R], rows: Rows[R]) -> bool:
        """Puts it on the batch; whether it ends a streamed list."""
        what, item = self._parted(line)
        ends = False
        match what:
            case "ADDED" | "MODIFIED":
                row, version = self._kind.decode(self._source, item)
                batch.put(row)
            case "DELETED":
                row, version = self._kind.decode(self._source, item)
                batch.drop(row)
            case "BOOKMARK":
                metadata = _lenient(_marked, item, Marked()).metadata
                version = metadata.resource_version
                ends = rows is not self._rows and bool(version) and LIST_END in (metadata.annotations or {})
            case "ERROR":
                said = _lenient(_status, item, Status())
                raise refusal(said.code or 500, bytes(item), where=self._where)
            case _:
                raise errors.Malformed(f"{self._where}: a watch event of type {what!r}")
        self._events += 1
        # While a list is streamed only its end says which version it is of.
        if version and (ends or rows is self._rows):
            self._version = version
        return ends

    def _parted(self, line: bytes) -> tuple[str, bytes | msgspec.Raw]:
        """The type and the object of an event.

        API servers write them in this order and nothing else. Then the object is read once, not once to find its end
        and once more: a fifth of the CPU of a list of 50,000 pods.
        """
        head = _HEAD.match(line)
        if head is not None and line.endswith(b"}}"):
            return head[1].decode(), line[head.end() : -1]
        try:
            event = _event.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"{self._where}: not a watch event: {error}") from error
        return event.type, event.object


def _lenient(decoder: msgspec.json.Decoder[X], data: bytes | msgspec.Raw, otherwise: X) -> X:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return otherwise
