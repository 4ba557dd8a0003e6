"""What a cluster does by itself: one loop that follows the history and lets controllers and kubelets answer it."""

from __future__ import annotations

import asyncio

from cockpit.demo.kubernetes import kinds, kubelet
from cockpit.demo.kubernetes.controllers.budgets import Budgets
from cockpit.demo.kubernetes.controllers.claims import Claims
from cockpit.demo.kubernetes.controllers.cronjobs import CronJobs
from cockpit.demo.kubernetes.controllers.daemonsets import DaemonSets
from cockpit.demo.kubernetes.controllers.deployments import Deployments
from cockpit.demo.kubernetes.controllers.jobs import Jobs
from cockpit.demo.kubernetes.controllers.owning import Controller
from cockpit.demo.kubernetes.controllers.replicasets import ReplicaSets
from cockpit.demo.kubernetes.controllers.statefulsets import StatefulSets
from cockpit.demo.kubernetes.kinds import Kind
from cockpit.demo.kubernetes.kubelet import Kubelets
from cockpit.demo.kubernetes.logs import Logs
from cockpit.demo.kubernetes.objects import Objects, Voices
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Compacted, Event, Key, Record, Store, controller, parse_stamp

REVISIT = 5.0  # seconds between looks at rollouts that are under way (their deadline passes without an event)
SETTLED_AFTER = 20.0  # seconds that the scenery's rollouts took in their day
STEPS = 50  # reconciliations between turns of the event loop


class Cluster:
    """Controllers, scheduler, kubelets and garbage collector of one store."""

    def __init__(self, store: Store, objects: Objects, logs: Logs, voices: Voices, *, pace: float) -> None:
        self._store, self._objects = store, objects
        self._pace = pace
        self.recorder = Recorder(store)
        self.kubelets = Kubelets(store, objects, logs, self.recorder, voices, pace=pace)
        self.cronjobs = CronJobs(store, objects, self.recorder)
        self._controllers: dict[str, Controller] = {
            "replicasets": ReplicaSets(store, objects, self.recorder),
            "deployments": Deployments(store, objects, self.recorder),
            "statefulsets": StatefulSets(store, objects, self.recorder),
            "daemonsets": DaemonSets(store, objects, self.recorder),
            "jobs": Jobs(store, objects, self.recorder),
            "cronjobs": self.cronjobs,
            "persistentvolumeclaims": Claims(objects),
            "poddisruptionbudgets": Budgets(store, objects),
        }
        self._places: dict[str, tuple[Kind, Key]] = {}  # uid of a workload -> where it is
        self._dirty: dict[str, None] = {}

    def settle(self) -> None:
        """Work out the status of every workload at once (the scenery has only put the pods there)."""
        for resource in self._controllers:
            for record in self._store.all(resource):
                born = parse_stamp(record.load()["metadata"]["creationTimestamp"]) or 0.0
                self._controllers[resource].reconcile(record, born + SETTLED_AFTER)

    async def run(self) -> None:
        """Until cancelled."""
        version = self._store.version
        for resource in self._controllers:
            for record in self._store.all(resource):
                self._places[record.uid] = (kinds.KINDS[resource], record.key)
        try:
            while True:
                try:
                    events = self._store.since(version)
                    version = events[-1].record.version if events else version
                    for event in events:
                        if not event.quiet:
                            self._notice(event)
                except Compacted:
                    version = self._store.version
                    self._look_again()
                await self._reconcile()
                try:
                    async with asyncio.timeout(REVISIT * self._pace):
                        await self._store.changed(version)
                except TimeoutError:
                    self._revisit()
        finally:
            await self.kubelets.stop()

    def _look_again(self) -> None:
        """History was lost: look at everything."""
        for record in self._store.all("pods"):
            self.kubelets.notice(record)
        for resource in self._controllers:
            for record in self._store.all(resource):
                self._places[record.uid] = (kinds.KINDS[resource], record.key)
                self._dirty[record.uid] = None

    def _revisit(self) -> None:
        for record in self._store.all("deployments"):
            if b'"reason":"ReplicaSetUpdated"' in record.body:
                self._dirty[record.uid] = None

    def _notice(self, event: Event) -> None:
        record = event.record
        if record.resource == "pods":
            if event.gone:
                self.kubelets.forget(record.uid)
                self._replace(record)
            else:
                self.kubelets.notice(record)
            for budget in self._store.all("poddisruptionbudgets"):
                if budget.namespace == record.namespace:
                    self._dirty[budget.uid] = None
        elif record.resource == "nodes":
            for daemons in self._store.all("daemonsets"):
                self._dirty[daemons.uid] = None
        elif record.resource in self._controllers:
            if event.gone:
                self._places.pop(record.uid, None)
                self._collect(record)
            else:
                self._places[record.uid] = (kinds.KINDS[record.resource], record.key)
                self._dirty[record.uid] = None
        if record.owner:
            self._dirty[record.owner] = None

    async def _reconcile(self) -> None:
        done = 0
        while self._dirty:
            uid = next(iter(self._dirty))
            del self._dirty[uid]
            place = self._places.get(uid)
            if place is None:
                continue
            kind, key = place
            record = self._store.get(kind.resource, *key)
            if record is not None and record.uid == uid and self._controllers[kind.resource].reconcile(record):
                self._dirty[uid] = None
            done += 1
            if done % STEPS == 0:
                await asyncio.sleep(0)

    def _collect(self, owner: Record) -> None:
        """An owner is gone: what it controlled follows."""
        for kind in (kinds.REPLICASETS, kinds.JOBS):
            for record in self._store.owned(owner.uid, kind.resource):
                self._store.remove(kind, *record.key)
        for record in self._store.owned(owner.uid, "pods"):
            self._objects.terminate(record)

    def _replace(self, gone: Record) -> None:
        """A node's kubelet brings its static pods back."""
        last = gone.load()
        owner = controller(last)
        if owner is None or owner["kind"] != "Node":
            return
        metadata, spec = last["metadata"], last["spec"]
        kept = {
            key: metadata[key]
            for key in ("name", "namespace", "labels", "annotations", "ownerReferences")
            if key in metadata
        }
        if node := spec.pop("nodeName", None):
            kubelet.pin(spec, node)
        status = {"phase": "Pending", "qosClass": "Burstable"}
        self._objects.save(kinds.PODS, {"metadata": kept, "spec": spec, "status": status})
