"""Scheduler and kubelet in one: each pod's life is a coroutine that writes what those two would write.

What becomes of a pod is said by its annotation `simulator.cockpit/behaviour`: none (it runs), `crash` (exit 1 after a
while, with the doubling back-off), `oom`, `image-missing`, `init-hang`, `init-crash`, `complete`, `unready`,
`unschedulable`, `fail` (exit 1 once). It comes with the template, so a rollout can mend or break a workload. A job's
pod of which nothing is said is done after a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial

from cockpit.demo.kubernetes import kinds, podstate
from cockpit.demo.kubernetes.kinds import Object, dig
from cockpit.demo.kubernetes.logs import Logs
from cockpit.demo.kubernetes.objects import Objects, Voices
from cockpit.demo.kubernetes.recorder import Recorder
from cockpit.demo.kubernetes.store import Key, Record, Store, controller, parse_stamp

BEHAVIOUR = "simulator.cockpit/behaviour"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"  # a label: no pod is scheduled there
FIRST_BACK_OFF, LONGEST_BACK_OFF = 10, 300  # seconds, as the kubelet's
LAST_WORDS = {
    "crash": (
        "level=info msg=starting version=1.8.3",
        'level=error msg="cannot connect to ledger-db:5432: connection refused" attempt=1',
        'level=error msg="cannot connect to ledger-db:5432: connection refused" attempt=2',
        "Traceback (most recent call last):",
        '  File "/app/main.py", line 41, in <module>',
        "    ledger = connect(settings.ledger_url)",
        "ConnectionRefusedError: [Errno 111] Connection refused",
    ),
    "oom": (
        "level=info msg=starting",
        'level=info msg="loading model" bytes=1610612736',
        'level=warn msg="heap at 97 %"',
    ),
    "init-crash": ("migrating schema 41 -> 42", 'ERROR: relation "invoices" is locked', "migration failed"),
    "fail": ("backup: dumping ledger", "backup: disk quota exceeded after 4.1 GiB", "backup: failed"),
    "complete": ("exporting rows=18244", "uploaded report.parquet", "done"),
}


def loudly(task: asyncio.Task[None]) -> None:
    """A task of the cluster that has failed is a defect: say so where the loop says such things."""
    if not task.cancelled() and (problem := task.exception()) is not None:
        about = {"message": f"{task.get_name()} failed", "exception": problem, "task": task}
        task.get_loop().call_exception_handler(about)


Life = Callable[[], Coroutine[None, None, None]]


class _Gone(Exception):
    """The pod was deleted or replaced."""


class Kubelets:
    """All nodes' kubelets. `pace` scales every pause; nodes are those of the store."""

    def __init__(
        self, store: Store, objects: Objects, logs: Logs, recorder: Recorder, voices: Voices, *, pace: float
    ) -> None:
        self._store, self._objects, self._logs, self._recorder = store, objects, logs, recorder
        self._voices = voices
        self._pace = pace
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._next_address = 20
        self.scripted: dict[str, int] = {}  # uid of a pod that is left as it was put -> the version put last

    # -- from the cluster's loop

    def notice(self, record: Record) -> None:
        """A pod was written: begin its life, or end it."""
        if self.scripted.get(record.uid) == record.version:
            return
        deleting = b'"deletionTimestamp":"' in record.body
        if deleting:
            if not (task := self._lives.get(record.uid)) or not task.get_name().startswith("end"):
                self._replace(record.uid, partial(self._end, record.key, record.uid), "end")
        elif record.uid not in self._lives and record.uid not in self.scripted and "spec.nodeName" not in record.fields:
            self._replace(record.uid, partial(self._live, record.key, record.uid), "live")

    def resume(self, record: Record) -> None:
        """Go on with a pod of the scenery whose behaviour has not come to rest."""
        self._replace(record.uid, partial(self._behave, record.key, record.uid), "live")

    def forget(self, uid: str) -> None:
        self.scripted.pop(uid, None)
        task = self._lives.pop(uid, None)
        if task is not None:
            task.cancel()

    async def stop(self) -> None:
        lives = list(self._lives.values())
        self._lives.clear()
        for task in lives:
            task.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    def _replace(self, uid: str, life: Life, name: str) -> None:
        before = self._lives.get(uid)
        if before is not None:
            before.cancel()
        task = self._lives[uid] = asyncio.create_task(self._guard(life), name=f"{name} {uid}")
        task.add_done_callback(loudly)

    async def _guard(self, life: Life) -> None:
        try:
            await life()
        except _Gone:
            return

    # -- tools

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._pace * (0.7 + 0.6 * self._store.random.random()))

    def _load(self, key: Key, uid: str) -> Object:
        record = self._store.get("pods", *key)
        if record is None or record.uid != uid:
            raise _Gone
        return record.load()

    def _edit(self, key: Key, uid: str, change: Callable[[Object], None]) -> Object:
        """Change a pod and write it, judged anew."""
        pod = self._load(key, uid)
        change(pod)
        if "containerStatuses" in pod["status"]:
            podstate.judge(pod, time.time())
        self._objects.save(kinds.PODS, pod)
        return pod

    def _say(self, pod: Object, reason: str, message: str, *, warning: bool = False, container: str = "") -> None:
        host = dig(pod, "spec.nodeName") or ""
        component = "kubelet" if host and reason != "Scheduled" else "default-scheduler"
        self._recorder.record(
            kinds.PODS,
            pod,
            reason,
            message,
            component=component,
            warning=warning,
            host=host if component == "kubelet" else "",
            container=container,
        )

    def address(self) -> str:
        self._next_address += 1
        return f"10.244.{self._next_address // 250 % 250}.{self._next_address % 250 + 2}"

    def _begin(self, pod: Object, name: str, *, behaving: str = "") -> float:
        now = time.time()
        voice, every = (None, 1.0) if behaving in LAST_WORDS else self._voices(pod, name)
        log = self._logs.begin(pod["metadata"]["uid"], name, began=now, voice=voice, every=every)
        if behaving not in LAST_WORDS:
            log.write(f"starting {name}", now)
        return now

    # -- a life

    async def _live(self, key: Key, uid: str) -> None:
        await self._pause(0.15)
        pod = self._load(key, uid)
        behaviour = _behaviour(pod)
        if behaviour == "unschedulable":
            await self._unschedulable(key, uid, sum(1 for _ in self._store.all("nodes")))
        node = pinned(pod) or await self._choose(key, uid)
        address = _host_address(self._store, node)
        pod = self._edit(key, uid, lambda p: podstate.place(p, node, address, time.time()))
        self._say(pod, "Scheduled", f"Successfully assigned {'/'.join(key)} to {node}")
        await self._pause(0.5)
        if behaviour == "image-missing":
            await self._image_missing(key, uid)
        ip = self.address()
        self._edit(key, uid, lambda p: podstate.give_address(p, ip, time.time()))
        for container in pod["spec"].get("initContainers") or ():
            await self._run_init(key, uid, container, behaviour)
        for container in pod["spec"]["containers"]:
            image = container["image"]
            self._say(
                pod, "Pulled", f'Container image "{image}" already present on machine', container=container["name"]
            )
            self._say(pod, "Created", f"Created container: {container['name']}", container=container["name"])
            self._say(pod, "Started", f"Started container {container['name']}", container=container["name"])

        def started(pod: Object) -> None:
            for place, container in enumerate(pod["spec"]["containers"]):
                began = self._begin(pod, container["name"], behaving=behaviour if place == 0 else "")
                podstate.start(pod, container["name"], began, ready=False)

        self._edit(key, uid, started)
        await self._behave(key, uid)

    async def _behave(self, key: Key, uid: str) -> None:
        """From started (or backing off) on."""
        pod = self._load(key, uid)
        behaviour = _behaviour(pod)
        main = pod["spec"]["containers"][0]["name"]
        if behaviour in ("fail", "crash", "oom"):
            self._mark_ready(key, uid, but=main)
            if behaviour == "fail" or dig(pod, "spec.restartPolicy") == "Never":
                await self._pause(2.0)
                self._finish(key, uid, main, behaviour, code=1)
                return
            await self._crash(key, uid, main, behaviour)
        elif behaviour == "complete":
            await self._pause(2.0)
            self._finish(key, uid, main, behaviour, code=0)
        elif behaviour == "image-missing":
            await self._image_missing(key, uid)
        elif behaviour == "init-crash":
            first = pod["spec"]["initContainers"][0]["name"]
            await self._crash(key, uid, first, behaviour)
        elif behaviour == "unready":
            self._mark_ready(key, uid, but=main)
            while True:
                pod = self._load(key, uid)
                self._say(
                    pod,
                    "Unhealthy",
                    "Readiness probe failed: HTTP probe failed with statuscode: 503",
                    warning=True,
                    container=main,
                )
                await self._pause(10.0)
        elif behaviour == "unschedulable":
            await self._unschedulable(key, uid, sum(1 for _ in self._store.all("nodes")))
        elif behaviour != "init-hang":
            await self._pause(0.8)
            self._mark_ready(key, uid)

    def _mark_ready(self, key: Key, uid: str, *, but: str = "") -> None:
        def ready(pod: Object) -> None:
            for status in pod["status"]["containerStatuses"]:
                if status["name"] != but and "running" in status["state"]:
                    status["ready"] = True

        self._edit(key, uid, ready)

    async def _run_init(self, key: Key, uid: str, container: Object, behaviour: str) -> None:
        name = container["name"]
        sidecar = container.get("restartPolicy") == "Always"

        def started(pod: Object) -> None:
            podstate.start(pod, name, self._begin(pod, name, behaving="" if sidecar else behaviour), ready=sidecar)

        self._edit(key, uid, started)
        if sidecar:
            return
        if behaviour == "init-hang":
            await asyncio.Event().wait()
        if behaviour == "init-crash":
            await self._crash(key, uid, name, behaviour)
        await self._pause(0.8)
        self._finish(key, uid, name, "", code=0)

    def _finish(self, key: Key, uid: str, name: str, behaviour: str, *, code: int, reason: str = "") -> None:
        """End the running instance, its last words in the log."""
        now = time.time()
        log = self._logs.current(uid, name)
        if log is not None:
            for number, words in enumerate(LAST_WORDS.get(behaviour, ())):
                log.write(words, now - 0.5 + number * 0.01)
            log.end(now)

        def ended(pod: Object) -> None:
            state = podstate.container_status(pod, name)["state"]
            began = parse_stamp(dig(state, "running.startedAt")) or now
            podstate.stop(pod, name, podstate.terminated(began, now, code=code, reason=reason))
            if code == 0 and not podstate.is_sidecar(pod, name):
                podstate.container_status(pod, name)["ready"] = name in _init_names(pod)

        self._edit(key, uid, ended)

    async def _crash(self, key: Key, uid: str, name: str, behaviour: str) -> None:
        """Run, fail, back off, run again; enters at whichever of these the container is in."""
        code, reason = (137, "OOMKilled") if behaviour == "oom" else (1, "Error")
        while True:
            pod = self._load(key, uid)
            status = podstate.container_status(pod, name)
            if "running" in status["state"]:
                await self._pause(4.0)
                self._finish(key, uid, name, behaviour, code=code, reason=reason)
                await self._pause(1.0)
                pod = self._load(key, uid)
                status = podstate.container_status(pod, name)
            seconds = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2 ** min(10, status["restartCount"]))
            if "terminated" in status["state"]:
                pod = self._edit(key, uid, lambda p, s=seconds: podstate.back_off(p, name, s))  # type: ignore[misc]
            where = f"{key[1]}_{key[0]}({uid})"
            message = f"Back-off restarting failed container {name} in pod {where}"
            self._say(pod, "BackOff", message, warning=True, container=name)
            await self._pause(seconds)

            def again(pod: Object) -> None:
                podstate.container_status(pod, name)["restartCount"] += 1
                podstate.start(pod, name, self._begin(pod, name, behaving=behaviour), ready=False)

            pod = self._edit(key, uid, again)
            self._say(pod, "Started", f"Started container {name}", container=name)

    async def _image_missing(self, key: Key, uid: str) -> None:
        seconds = FIRST_BACK_OFF
        if dig(self._load(key, uid)["status"]["containerStatuses"][0], "state.waiting.reason") == "ImagePullBackOff":
            seconds = LONGEST_BACK_OFF
            await self._pause(seconds)
        while True:
            pod = self._load(key, uid)
            container = pod["spec"]["containers"][0]
            image, name = container["image"], container["name"]
            failed = f'failed to pull and unpack image "{image}": not found'
            self._say(pod, "Pulling", f'Pulling image "{image}"', container=name)
            await self._pause(0.6)

            def said(pod: Object, reason: str, message: str, name: str = name) -> None:
                podstate.container_status(pod, name)["state"] = podstate.waiting(reason, message)

            pod = self._edit(key, uid, lambda p, f=failed: said(p, "ErrImagePull", f))  # type: ignore[misc]
            self._say(pod, "Failed", f'Failed to pull image "{image}": {failed}', warning=True, container=name)
            await self._pause(2.0)
            backing = f'Back-off pulling image "{image}"'
            pod = self._edit(key, uid, lambda p, b=backing: said(p, "ImagePullBackOff", b))  # type: ignore[misc]
            self._say(pod, "BackOff", backing, container=name)
            await self._pause(seconds)
            seconds = min(LONGEST_BACK_OFF, seconds * 2)

    async def _unschedulable(self, key: Key, uid: str, nodes: int) -> None:
        message = f"0/{nodes} nodes are available: {nodes} Insufficient memory. no new claims to deallocate."
        while True:
            self._refuse(key, uid, message)
            await self._pause(60.0)

    async def _choose(self, key: Key, uid: str) -> str:
        """A node that takes pods; waits, unscheduled, while there is none."""
        told = False
        while True:
            version = self._store.version
            nodes = list(self._store.all("nodes"))
            free = [n.name for n in nodes if CONTROL_PLANE not in n.labels and "spec.unschedulable" not in n.fields]
            if free:
                return self._store.random.choice(sorted(free))
            if not told:
                told = True
                message = f"0/{len(nodes)} nodes are available: {len(nodes)} node(s) were unschedulable."
                self._refuse(key, uid, message)
                continue
            await self._store.changed(version)

    def _refuse(self, key: Key, uid: str, message: str) -> Object:
        def refused(pod: Object) -> None:
            podstate.set_condition(pod["status"], "PodScheduled", False, time.time(), "Unschedulable", message)

        pod = self._edit(key, uid, refused)
        self._say(pod, "FailedScheduling", message, warning=True)
        return pod

    async def _end(self, key: Key, uid: str) -> None:
        """SIGTERM, the containers' last moment, and the pod is gone. Never longer than its grace."""
        pod = self._load(key, uid)
        for name in [c["name"] for c in dig(pod, "spec.containers") or ()]:
            self._say(pod, "Killing", f"Stopping container {name}", container=name)
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 30)
        await self._pause(min(grace, 1.2))
        now = time.time()

        def ended(pod: Object) -> None:
            for status in podstate.container_statuses(pod):
                if "running" in status["state"]:
                    began = parse_stamp(status["state"]["running"]["startedAt"]) or now
                    podstate.stop(pod, status["name"], podstate.terminated(began, now))

        if "containerStatuses" in pod.get("status", {}) and uid not in self.scripted:
            self._edit(key, uid, ended)
            await self._pause(0.3)
        record = self._store.get("pods", *key)
        if record is not None and record.uid == uid:
            self._objects.remove_pod(record)


def pin(spec: Object, node: str) -> None:
    """Bind a pod to a node before it is scheduled, as the daemon set controller does."""
    fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
    spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def pinned(pod: Object) -> str:
    """The node a pod is bound to, empty for none."""
    terms = dig(pod, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms")
    try:
        return str(terms[0]["matchFields"][0]["values"][0])
    except (TypeError, LookupError):
        return ""


def _behaviour(pod: Object) -> str:
    said = (pod["metadata"].get("annotations") or {}).get(BEHAVIOUR, "")
    owner = controller(pod)
    return str(said) or ("complete" if owner is not None and owner["kind"] == "Job" else "")


def _init_names(pod: Object) -> set[str]:
    return {c["name"] for c in pod["spec"].get("initContainers") or ()}


def _host_address(store: Store, node: str) -> str:
    record = store.get("nodes", "", node)
    addresses = dig(record.load(), "status.addresses") if record is not None else None
    return next((str(a["address"]) for a in addresses or () if a["type"] == "InternalIP"), "10.0.0.1")
