"""Everything the cluster holds: objects, one global history of changes, and the old views that paging needs.

Objects are kept as encoded JSON (a 5 KB pod costs 5 KB, not 30) and never change: a write makes a new record. The
resourceVersion is one counter for all resources, as etcd's revision is; a deletion moves it too.
"""

from __future__ import annotations

import asyncio
import bisect
import datetime
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

import msgspec

from cockpit.demo.kubernetes.kinds import KINDS, Kind, Object, dig

HISTORY = 20_000  # changes kept before the oldest are compacted away
FIRST_VERSION = 1_000
VIEWS = 4  # sorted views of past or present versions kept for paging
Key = tuple[str, str]  # (namespace, name); the order of a list, as in etcd


class Compacted(Exception):
    """The version asked for is older than the history kept; `oldest` is the oldest that can still be asked for."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"{asked} is older than {oldest}")
        self.asked, self.oldest = asked, oldest


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object at one version. `body` is its JSON without kind and apiVersion; `owner` the uid of its controller."""

    resource: str
    namespace: str
    name: str
    uid: str
    version: int
    labels: Mapping[str, str]
    fields: Mapping[str, str]
    owner: str
    body: bytes

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    def load(self) -> Object:
        """A fresh copy, to be changed and written back."""
        loaded: Object = msgspec.json.decode(self.body)
        return loaded


class Event(msgspec.Struct, frozen=True, gc=False):
    """One change: `before` is None for a creation; for a deletion `record` is the object's last state.

    `quiet`: of load alone; controllers and kubelets take no notice.
    """

    record: Record
    before: Record | None
    gone: bool = False
    quiet: bool = False


def controller(item: Mapping[str, Any]) -> Object | None:
    """The owner reference that controls an object."""
    for reference in item.get("metadata", {}).get("ownerReferences", ()):
        if reference.get("controller"):
            owner: Object = reference
            return owner
    return None


def timestamp(unix: float) -> str:
    """RFC 3339 in whole seconds, as `metav1.Time` is written."""
    return datetime.datetime.fromtimestamp(int(unix), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_stamp(text: str | None) -> float | None:
    """Unix seconds of an RFC 3339 time, None for none or nonsense."""
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


class View:
    """All objects of one resource at one version, in list order."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self._keys = [record.key for record in records]

    def span(self, namespace: str, after: Key | None) -> tuple[int, int]:
        """Where a namespace's records (or all) begin and end, from behind `after` on."""
        start, end = 0, len(self._keys)
        if namespace:
            start = bisect.bisect_left(self._keys, (namespace, ""))
            end = bisect.bisect_left(self._keys, (namespace + "\0", ""))
        if after is not None:
            start = max(start, bisect.bisect_right(self._keys, after))
        return start, max(start, end)


class Store:
    """The objects of one cluster. Not thread-safe: one event loop writes and reads it."""

    def __init__(self, *, seed: int = 1, history: int = HISTORY) -> None:
        self.version = FIRST_VERSION
        self.oldest = FIRST_VERSION  # the oldest version a watch may start from
        self.random = Random(seed)
        self._cap = history
        self._history: list[Event] = []
        self._objects: dict[str, dict[Key, Record]] = {resource: {} for resource in KINDS}
        self._owned: dict[str, dict[tuple[str, Key], None]] = {}
        self._touched: dict[str, int] = dict.fromkeys(KINDS, FIRST_VERSION)
        self._views: OrderedDict[tuple[str, int], View] = OrderedDict()
        self._waiting: set[asyncio.Future[None]] = set()

    def uid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    # -- reading

    def get(self, resource: str, namespace: str, name: str) -> Record | None:
        return self._objects[resource].get((namespace, name))

    def all(self, resource: str) -> Iterator[Record]:
        return iter(tuple(self._objects[resource].values()))

    def owned(self, uid: str, resource: str) -> list[Record]:
        """What the object with this uid controls, of one resource."""
        return [self._objects[kind][key] for kind, key in self._owned.get(uid, ()) if kind == resource]

    def view(self, resource: str, version: int) -> View:
        """All objects of a resource as they were at a version, in list order. Raises Compacted."""
        if version < self.oldest:
            raise Compacted(version, self.oldest)
        version = max(self.oldest, min(version, self._touched[resource]))
        key = (resource, version)
        if key in self._views:
            self._views.move_to_end(key)
            return self._views[key]
        objects = self._objects[resource]
        if version < self._touched[resource]:
            objects = dict(objects)
            for event in reversed(self.since(version)):
                if event.record.resource != resource:
                    continue
                if event.before is None:
                    objects.pop(event.record.key, None)
                else:
                    objects[event.record.key] = event.before
        view = self._views[key] = View([objects[at] for at in sorted(objects)])
        if len(self._views) > VIEWS:
            self._views.popitem(last=False)
        return view

    def since(self, version: int) -> list[Event]:
        """Changes after a version, oldest first. Raises Compacted."""
        if version < self.oldest:
            raise Compacted(version, self.oldest)
        start = bisect.bisect_right(self._history, version, key=lambda event: event.record.version)
        return self._history[start:]

    async def changed(self, version: int) -> None:
        """Wait until there is something after `version` (or it has been compacted away)."""
        while self.version <= version:
            future = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await future
            finally:
                self._waiting.discard(future)

    # -- writing

    def put(self, kind: Kind, item: Object) -> Record:
        """Write an object; uid, creationTimestamp and resourceVersion are filled in."""
        metadata = item.setdefault("metadata", {})
        metadata.setdefault("uid", self.uid())
        metadata.setdefault("creationTimestamp", timestamp(datetime.datetime.now(datetime.UTC).timestamp()))
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        item.pop("kind", None)
        item.pop("apiVersion", None)
        record = self._record(kind, item)
        objects = self._objects[kind.resource]
        before = objects.get(record.key)
        if before is not None:
            self._disown(before)
        objects[record.key] = record
        if record.owner:
            self._owned.setdefault(record.owner, {})[(kind.resource, record.key)] = None
        self._remember(Event(record, before))
        return record

    def replace(self, record: Record) -> None:
        """Put a ready-made record of version `version` + 1 in the place of the one that is there, quietly."""
        before = self._objects[record.resource][record.key]
        self.version = record.version
        self._objects[record.resource][record.key] = record
        self._remember(Event(record, before, quiet=True))

    def load(self, records: Iterable[Record]) -> None:
        """Take in many ready-made records at once, without history (their versions: `version` + 1, + 2, ...)."""
        for record in records:
            self.version = self._touched[record.resource] = self.oldest = record.version
            self._objects[record.resource][record.key] = record
            if record.owner:
                self._owned.setdefault(record.owner, {})[(record.resource, record.key)] = None
        self._history.clear()
        self._views.clear()

    def remove(self, kind: Kind, namespace: str, name: str) -> Record | None:
        """Take an object away; the last state carries the deletion's own version."""
        before = self._objects[kind.resource].pop((namespace, name), None)
        if before is None:
            return None
        self._disown(before)
        self.version += 1
        last = self.restamped(before, self.version)
        self._remember(Event(last, before, gone=True))
        return last

    def expire(self) -> None:
        """Compact everything: whatever version a client holds is now too old."""
        self.version += 1
        self.oldest = self.version
        self._history.clear()
        self._views.clear()
        self._wake()

    @staticmethod
    def restamped(record: Record, version: int) -> Record:
        item = record.load()
        item["metadata"]["resourceVersion"] = str(version)
        return msgspec.structs.replace(record, version=version, body=msgspec.json.encode(item))

    def _record(self, kind: Kind, item: Object) -> Record:
        metadata = item["metadata"]
        fields = {}
        for field, path in kind.fields.items():
            value = dig(item, path)
            if value not in (None, ""):
                fields[field] = str(value).lower() if isinstance(value, bool) else str(value)
        owner = controller(item)
        return Record(
            resource=kind.resource,
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata["uid"],
            version=self.version,
            labels=metadata.get("labels") or {},
            fields=fields,
            owner=owner["uid"] if owner else "",
            body=msgspec.json.encode(item),
        )

    def _disown(self, record: Record) -> None:
        if record.owner:
            siblings = self._owned.get(record.owner, {})
            siblings.pop((record.resource, record.key), None)
            if not siblings:
                self._owned.pop(record.owner, None)

    def _remember(self, event: Event) -> None:
        self._touched[event.record.resource] = event.record.version
        self._history.append(event)
        if len(self._history) > self._cap + self._cap // 4:
            del self._history[: len(self._history) - self._cap]
            self.oldest = self._history[0].record.version - 1
        self._wake()

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
