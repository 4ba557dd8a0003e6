"""Watches: the history from a version on, or the present first; bookmarks; the 410 of a version too old."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from cockpit.demo.kubernetes.asks import Ask, flag, number
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.lists import shown_as_table
from cockpit.demo.kubernetes.objects import with_kind
from cockpit.demo.kubernetes.refusals import invalid, too_new, too_old
from cockpit.demo.kubernetes.selectors import selector
from cockpit.demo.kubernetes.store import Compacted, Event, Record, Store
from cockpit.demo.kubernetes.streams import Stream
from cockpit.demo.kubernetes.tables.printing import table

INITIAL_END = "k8s.io/initial-events-end"


class Watch:
    """What one watch sends."""

    BATCH = 64 * 1024  # bytes joined into one write

    def __init__(self, store: Store, ask: Ask, *, watch_list: bool, bookmark_seconds: float) -> None:
        """Raises Refusal for what a watch cannot be asked for."""
        self._store, self._ask, self._bookmark_seconds = store, ask, bookmark_seconds
        self._accepts = selector(ask.kind, ask.query.get("labelSelector", ""), ask.query.get("fieldSelector", ""))
        text = ask.query.get("resourceVersion", "")
        initial = flag(ask.query, "sendInitialEvents")
        match = ask.query.get("resourceVersionMatch", "")
        if initial:
            if not watch_list:
                why = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
                raise invalid(ask.kind, "", "sendInitialEvents", why)
            if match != "NotOlderThan":
                why = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
                raise invalid(ask.kind, "", "resourceVersionMatch", why)
        elif match:
            why = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            raise invalid(ask.kind, "", "resourceVersionMatch", why)
        asked = number(ask.query, "resourceVersion") or 0
        if asked > store.version:
            raise too_new(asked, store.version)
        replay = initial or text in ("", "0")
        self._start = None if replay else asked
        self._mark_initial = initial
        self._bookmarks = flag(ask.query, "allowWatchBookmarks")
        self._titled = False

    def _wanted(self, record: Record) -> bool:
        return (not self._ask.namespace or record.namespace == self._ask.namespace) and (
            self._accepts is None or self._accepts(record)
        )

    async def produce(self, out: Stream) -> None:
        """From the version asked for, or from the present state as ADDED events where none was."""
        store, version = self._store, self._start
        if version is None:
            version = store.version
            records = store.view(self._ask.kind.resource, version).records
            await self._send(out, (self._line("ADDED", r) for r in records if self._wanted(r)))
            if self._mark_initial and self._bookmarks:
                await out.write(self._bookmark(version, initial_end=True))
        loop = asyncio.get_running_loop()
        due = loop.time() + self._bookmark_seconds
        while True:
            try:
                events = store.since(version)
            except Compacted as compacted:
                refusal = too_old(compacted.asked, compacted.oldest)
                await out.write(msgspec.json.encode({"type": "ERROR", "object": refusal.status()}) + b"\n")
                return
            if events:
                version = events[-1].record.version
                await self._send(out, filter(None, map(self._event, events)))
            if self._bookmarks and loop.time() >= due:
                await out.write(self._bookmark(version))
                due = loop.time() + self._bookmark_seconds
            try:
                async with asyncio.timeout_at(due if self._bookmarks else None):
                    await store.changed(version)
            except TimeoutError:
                continue

    async def _send(self, out: Stream, lines: Iterable[bytes]) -> None:
        batch: list[bytes] = []
        size = 0
        for line in lines:
            batch.append(line)
            size += len(line)
            if size >= self.BATCH:
                await out.write(b"".join(batch))
                await asyncio.sleep(0)
                batch, size = [], 0
        if batch:
            await out.write(b"".join(batch))

    def _event(self, event: Event) -> bytes | None:
        """An object that leaves the selection is deleted to this watcher, one that enters is added."""
        if event.record.resource != self._ask.kind.resource:
            return None
        before = event.before is not None and self._wanted(event.before)
        if event.gone:
            return self._line("DELETED", event.record) if before else None
        if self._wanted(event.record):
            return self._line("MODIFIED" if before else "ADDED", event.record)
        if before and event.before is not None:
            return self._line("DELETED", Store.restamped(event.before, event.record.version))
        return None

    def _line(self, what: str, record: Record) -> bytes:
        ask = self._ask
        if ask.as_table:
            shown = shown_as_table(
                ask, [record.load()], {"resourceVersion": str(record.version)}, titled=not self._titled
            )
            self._titled = True
            return msgspec.json.encode({"type": what, "object": shown}) + b"\n"
        if ask.metadata_only:
            partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            return (
                msgspec.json.encode({"type": what, "object": partial | {"metadata": record.load()["metadata"]}}) + b"\n"
            )
        return b'{"type":"' + what.encode() + b'","object":' + with_kind(ask.kind, record.body) + b"}\n"

    def _bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        metadata: Object = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {INITIAL_END: "true"}
        kind = self._ask.kind
        shown: Object = {"kind": kind.kind, "apiVersion": kind.group_version, "metadata": metadata}
        if self._ask.as_table:
            shown = table(kind, [], metadata, 0.0, include="None", titled=not self._titled)
        return msgspec.json.encode({"type": "BOOKMARK", "object": shown}) + b"\n"
