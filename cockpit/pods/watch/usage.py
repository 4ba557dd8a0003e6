"""What pods and nodes use, from metrics.k8s.io, put on their rows.

A cluster without that API is no fault: it is asked again rarely. Numbers that cannot be renewed are taken away before
they are old. Measuring never fails the rows themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Set
from contextlib import aclosing
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from cockpit.model import clock, errors
from cockpit.model.changes import Change, Remove, Reset, Upsert
from cockpit.pods.api.connection import Cluster, Connection
from cockpit.pods.api.merge import merged
from cockpit.pods.api.paths import collection_path, object_path
from cockpit.pods.api.wire import Amounts, Wire
from cockpit.pods.kinds.node import Node
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.kinds.quantity import bytes_of, millicores_of
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection

log = logging.getLogger(__name__)

GROUP_VERSION = "metrics.k8s.io/v1beta1"
POLL_SECONDS = 30.0
"""metrics-server measures each 15 s, kubelets each 10 s or so."""
FIRST_SECONDS = 0.5
"""After the rows are there: they are sorted and painted first."""
ABSENT_SECONDS = 600.0
"""Until a cluster that does not serve it, or not to us, is asked again."""
FRESH_SECONDS = 120.0
"""Older numbers are not shown."""
SLICE_SECONDS = 0.005
SLICE = 64
"""Objects between two looks at the clock."""
FORGET = 1000
"""Rows that are changed in one go when their numbers are taken away."""

M = TypeVar("M", bound=Pod | Node)
Used = tuple[int, int]
"""Millicores and bytes."""
UNREAD: Used = (-1, -1)


class _Metadata(Wire, frozen=True):
    name: str = ""
    namespace: str = ""


class _Container(Wire, frozen=True):
    name: str = ""
    usage: Amounts = Amounts()


class _Measured(Wire, frozen=True):
    """PodMetrics has containers, NodeMetrics a usage."""

    metadata: _Metadata = _Metadata()
    containers: tuple[_Container, ...] | None = None
    usage: Amounts | None = None


class _List(Wire, frozen=True):
    items: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(_List)
_item = msgspec.json.Decoder(_Measured)


def amount(usage: Amounts) -> Used:
    """Rounded up, as `kubectl top` does."""
    return millicores_of(usage.cpu or 0), bytes_of(usage.memory or 0)


async def container_usage(connection: Connection, namespace: str, pod: str) -> Mapping[str, Used]:
    """By container of one pod; empty where it is not served. Raises `model.errors` for anything else."""
    path = object_path(GROUP_VERSION, "pods", namespace, pod)
    try:
        found = await connection.get(path, _Measured)
    except (errors.NotFound, errors.Denied):
        return {}
    return {each.name: amount(each.usage) for each in found.containers or ()}


class MeasuredAdapter(Generic[M]):
    """The rows of an ObjectsAdapter with what they use. As long as it is watched it asks each POLL_SECONDS."""

    def __init__(self, rows: ObjectsAdapter[M], resource: str, selection: Selection) -> None:
        """`resource` is "pods" or "nodes"; `selection` is that of the rows."""
        self._inner = rows
        self._resource = resource
        self._namespaces = ("",) if resource == "nodes" else _scope(rows.cluster, selection)
        self._rows: dict[str, M] = {}
        self._measured_at: float | None = None
        self._read = asyncio.Event()

    @property
    def cluster(self) -> Cluster:
        return self._inner.cluster

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def silence(self) -> float | None:
        return self._inner.silence

    def select(self, labels: str) -> None:
        """Another label selector from now on."""
        self._inner.select(labels)

    async def watch(self) -> AsyncIterator[Change[M]]:
        """As the rows' own; rows whose shown usage changes are upserted in between."""
        self._read.clear()
        streams: list[AsyncGenerator[Change[M], None]] = [self._objects(), self._usage()]
        async with aclosing(merged(streams)) as changes:
            async for _, change in changes:
                yield change

    async def _objects(self) -> AsyncGenerator[Change[M], None]:
        stream = self._inner.watch()
        assert isinstance(stream, AsyncGenerator)
        async with aclosing(stream) as changes:
            async for change in changes:
                match change:
                    case Reset(items=items):
                        kept = tuple([self._kept(row) for row in items])
                        self._rows = {row.key: row for row in kept}
                        self._read.set()
                        yield Reset(kept)
                    case Upsert(items=items):
                        kept = tuple([self._kept(row) for row in items])
                        self._rows.update((row.key, row) for row in kept)
                        yield Upsert(kept)
                    case Remove(keys=keys):
                        for key in keys:
                            self._rows.pop(key, None)
                        yield change
                    case _:
                        yield change

    def _kept(self, row: M) -> M:
        """A row that changed keeps what was measured of it."""
        before = self._rows.get(row.key)
        if before is None or before.cpu < 0:
            return row
        return replace(row, cpu=before.cpu, memory=before.memory)

    async def _usage(self) -> AsyncGenerator[Change[M], None]:
        await self._read.wait()
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            wait = POLL_SECONDS
            try:
                async with aclosing(self._measured()) as changes:
                    async for change in changes:
                        yield change
                self._measured_at = clock.steady()
            except errors.SourceError as error:
                log.info("%s: no usage of %s: %s", self.name, self._resource, error)
                absent = isinstance(error, errors.NotFound | errors.Denied)
                if absent:
                    wait = ABSENT_SECONDS
                if absent or self._measured_at is None or clock.steady() - self._measured_at > FRESH_SECONDS:
                    async for change in self._forgotten(frozenset()):
                        yield change
            await asyncio.sleep(wait)

    async def _measured(self) -> AsyncGenerator[Change[M], None]:
        """One look: rows that look otherwise than before, in slices. Raises `model.errors`."""
        keys = {row.path: row.key for row in self._rows.values()}
        seen: set[str] = set()
        async with self.cluster.connected() as connection:
            for namespace in self._namespaces:
                path = collection_path(GROUP_VERSION, self._resource, namespace)
                async for change in self._applied(await connection.body(path), keys, seen):
                    yield change
        async for change in self._forgotten(seen):
            yield change

    async def _applied(self, body: bytes, keys: Mapping[str, str], seen: set[str]) -> AsyncGenerator[Change[M], None]:
        """Rows may come and go meanwhile. Each measurement is dropped once it is decoded: 50,000 never live at once."""
        turn = clock.steady() + SLICE_SECONDS
        changed: dict[str, None] = {}
        try:
            for place, raw in enumerate(_list.decode(body).items or ()):
                found = _item.decode(raw)
                meta = found.metadata
                key = keys.get(f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name, "")
                if key:
                    seen.add(key)
                    if self._put(key, _total(found)):
                        changed[key] = None
                if place % SLICE == 0 and clock.steady() > turn:
                    if changed:
                        yield Upsert(self._present(changed), fresh=False)
                        changed = {}
                    await asyncio.sleep(0)
                    turn = clock.steady() + SLICE_SECONDS
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise errors.Malformed(f"{self.name}: not metrics of {self._resource}: {error}") from error
        if changed:
            yield Upsert(self._present(changed), fresh=False)

    async def _forgotten(self, seen: Set[str]) -> AsyncGenerator[Change[M], None]:
        """What was not measured this time has no numbers any more."""
        old = [key for key, row in self._rows.items() if row.cpu >= 0 and key not in seen]
        for start in range(0, len(old), FORGET):
            piece = [key for key in old[start : start + FORGET] if self._put(key, UNREAD)]
            if piece:
                yield Upsert(self._present(piece), fresh=False)
            await asyncio.sleep(0)

    def _put(self, key: str, used: Used) -> bool:
        """Whether the row looks otherwise now."""
        row = self._rows.get(key)
        if row is None or (row.cpu, row.memory >> 20) == (used[0], used[1] >> 20):
            return False
        self._rows[key] = replace(row, cpu=used[0], memory=used[1])
        return True

    def _present(self, keys: Iterable[str]) -> tuple[M, ...]:
        return tuple([self._rows[key] for key in keys if key in self._rows])


def _total(found: _Measured) -> Used:
    if found.usage is not None:
        return amount(found.usage)
    each = [amount(container.usage) for container in found.containers or ()]
    return sum(cpu for cpu, _ in each), sum(memory for _, memory in each)


def _scope(cluster: Cluster, selection: Selection) -> tuple[str, ...]:
    """Where the rows are; all namespaces where nothing says."""
    return tuple(dict.fromkeys(selection.namespaces or cluster.source.namespaces)) or ("",)
