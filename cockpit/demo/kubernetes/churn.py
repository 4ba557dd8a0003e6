"""Many changes a second, for load: pods restart in turn, as bytes, and no controller takes notice."""

from __future__ import annotations

import asyncio
import re

import msgspec

from cockpit.demo.kubernetes.store import Record, Store

STEP = 0.02  # seconds between bursts
BURST = 2_000  # most changes in one burst, when the process has fallen behind
_RESTARTS = re.compile(rb'"restartCount":(\d+)')


class Churn:
    """Changes of the synthetic pods (of all pods where there are none), one after the other."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self.done = 0

    def start(self, rate: float, seconds: float) -> asyncio.Task[None]:
        """`rate` changes a second for so many seconds; what ran before ends. The task can be awaited."""
        self.stop()
        self._task = asyncio.create_task(self._run(rate, seconds), name="churn")
        return self._task

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self, rate: float, seconds: float) -> None:
        pods = [r.key for r in self._store.all("pods") if r.namespace.startswith("load-")]
        pods = pods or [r.key for r in self._store.all("pods")]
        clock = asyncio.get_running_loop().time
        began, made = clock(), 0
        while pods and made < rate * seconds:
            due = int(min(clock() - began, seconds) * rate)
            for _ in range(min(due - made, BURST)):
                record = self._store.get("pods", *pods[made % len(pods)])
                if record is not None:
                    self._store.replace(self._changed(record))
                    self.done += 1
                made += 1
            await asyncio.sleep(STEP)

    def _changed(self, record: Record) -> Record:
        version = self._store.version + 1
        old, new = (f'"resourceVersion":"{number}"'.encode() for number in (record.version, version))
        body = record.body.replace(old, new, 1)
        body = _RESTARTS.sub(lambda found: b'"restartCount":%d' % (int(found[1]) + 1), body, count=1)
        return msgspec.structs.replace(record, version=version, body=body)
