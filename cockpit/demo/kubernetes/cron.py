"""A cron job, so that the demo's cluster moves by itself: every 45 seconds a pod comes, runs and is Completed."""

from __future__ import annotations

import asyncio
from collections import deque

from cockpit.demo.kubernetes import kinds
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.objects import Objects, suffix
from cockpit.demo.kubernetes.scenery import Workload, template_of
from cockpit.demo.kubernetes.store import Key, Store
from cockpit.demo.kubernetes.workloads import pod_of

EVERY = 45.0  # seconds
KEPT = 3  # successfulJobsHistoryLimit
FIRST = 29_116_000  # jobs are numbered by the minute they were due


class Cron:
    """Makes the pods of `sync-rates`; the kubelets do the rest."""

    def __init__(self, store: Store, objects: Objects, *, pace: float) -> None:
        self._store, self._objects = store, objects
        self._pace = pace
        self._made: deque[Key] = deque()

    async def run(self) -> None:
        """Until cancelled."""
        number = FIRST
        while True:
            await asyncio.sleep(EVERY * self._pace)
            self._start(number)
            number += 1
            while len(self._made) > KEPT:
                record = self._store.get("pods", *self._made.popleft())
                if record is not None:
                    self._objects.remove_pod(record)

    def _start(self, number: int) -> None:
        job = Workload(
            "payments", "sync-rates", 1, "registry.example/pay/rates:1.0.3", "worker", "complete", owner="Job"
        )
        name = f"{job.name}-{number}"
        reference: Object = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": self._store.uid()}
        owner = {"metadata": {"namespace": job.space}}
        pod = pod_of(template_of(job), owner, reference | {"controller": True}, f"{name}-{suffix(self._store)}")
        self._objects.save(kinds.PODS, pod)
        self._made.append((job.space, pod["metadata"]["name"]))
