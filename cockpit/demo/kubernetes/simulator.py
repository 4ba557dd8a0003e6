"""One simulated cluster: store, API, controllers and kubelets, on a TLS port of loopback.

async with simulator(folder, scenery=False) as sim:
    sim.put({"metadata": {"namespace": "shop", "name": "web-1"}, ...})
    sim.faults.add(Fault("status", verb="list", status=429))
    sim.drop_streams(reset=True); sim.expire(); await sim.rotate_token(); sim.deny("delete", "pods")
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import yaml
from aiohttp import web

from cockpit.demo.kubernetes import cron, kinds
from cockpit.demo.kubernetes.access import USER, Denial
from cockpit.demo.kubernetes.certificates import Authority
from cockpit.demo.kubernetes.cluster import Cluster
from cockpit.demo.kubernetes.faults import Faults
from cockpit.demo.kubernetes.http import Api
from cockpit.demo.kubernetes.kinds import Object
from cockpit.demo.kubernetes.kubelet import loudly
from cockpit.demo.kubernetes.logs import Logs
from cockpit.demo.kubernetes.objects import Objects
from cockpit.demo.kubernetes.scenery.stage import Scenery
from cockpit.demo.kubernetes.store import HISTORY, Store
from cockpit.demo.kubernetes.synthetic import synthetic
from cockpit.demo.kubernetes.voices import voice_of

CONTEXT = "demo"


class Simulator:
    """A running cluster. `url` and `kubeconfig` are what a client needs; the rest scripts it in the process."""

    def __init__(self, folder: Path, store: Store, api: Api, objects: Objects, logs: Logs, cluster: Cluster) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.context = CONTEXT
        self.url = ""
        self.store, self.api, self.objects, self.logs = store, api, objects, logs
        self.cluster = cluster
        self.authority: Authority | None = None  # None: no TLS
        self.client: tuple[bytes, bytes] | None = None  # certificate and key of the user; None: a token

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def token(self) -> str:
        return self.api.credentials.token

    # -- scripting

    def put(self, pod: Object) -> Object:
        """Write a pod exactly as given (uid and times are filled in where missing); its logs are what `log` writes.

        A pod of the same name is replaced; it keeps its uid unless another is given.
        """
        item = {key: value for key, value in pod.items() if key not in ("kind", "apiVersion")}
        metadata = item["metadata"] = dict(item["metadata"])
        namespace = metadata.setdefault("namespace", "default")
        self.namespace(namespace)
        before = self.store.get("pods", namespace, metadata["name"])
        if before is not None:
            old = before.load()["metadata"]
            metadata.setdefault("uid", old["uid"])
            metadata.setdefault("creationTimestamp", old["creationTimestamp"])
            if metadata["uid"] != before.uid:
                self.remove(namespace, metadata["name"])
        metadata.setdefault("uid", self.store.uid())
        record = self.store.put(kinds.PODS, item)
        self.cluster.kubelets.scripted[record.uid] = record.version
        for container in item.get("spec", {}).get("containers") or ():
            if self.logs.current(record.uid, container["name"]) is None:
                self.logs.begin(record.uid, container["name"], began=time.time(), voice=None)
        return record.load()

    def remove(self, namespace: str, name: str) -> None:
        """Take a pod away at once, without grace."""
        record = self.store.get("pods", namespace, name)
        if record is not None:
            self.objects.remove_pod(record)

    def namespace(self, name: str) -> None:
        """Make sure that a namespace is there."""
        if self.store.get("namespaces", "", name) is None:
            labels = {"kubernetes.io/metadata.name": name}
            item = {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": {"phase": "Active"}}
            self.store.put(kinds.NAMESPACES, item)

    def log(self, namespace: str, pod: str, container: str, line: str | bytes) -> None:
        """Write one log line; followers see it at once."""
        record = self.objects.record(kinds.PODS, namespace, pod)
        log = self.logs.current(record.uid, container)
        if log is None:
            log = self.logs.begin(record.uid, container, began=time.time(), voice=None)
        log.write(line, time.time())

    def write(self, resource: str, item: Object) -> Object:
        """Write an object of any other kind exactly as given; controllers see it."""
        given = {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}
        given["metadata"] = dict(given["metadata"])
        kind = kinds.KINDS[resource]
        if kind.namespaced:
            self.namespace(given["metadata"].setdefault("namespace", "default"))
        return self.store.put(kind, given).load()

    def deny(self, verb: str, resource: str, *, namespace: str | None = None, sub: str = "") -> None:
        """Forbid something from now on, as `Denial` says; `allow` takes all of that back."""
        self.api.access.denials.append(Denial(verb, resource, namespace, sub))

    def allow(self) -> None:
        self.api.access.denials.clear()

    def drop_streams(self, *, reset: bool = False) -> int:
        """End all open watches and followed logs, properly or with a reset; how many there were."""
        return self.api.drop_streams(reset=reset)

    def freeze_streams(self) -> int:
        """All open watches and followed logs fall silent, their connections stay: half-open. How many there were."""
        return self.api.freeze_streams()

    def expire(self) -> None:
        """Compact all history: 410 for every version that a client holds."""
        self.store.expire()

    async def rotate_token(self) -> None:
        """A new token; the kubeconfig is rewritten, the old token is refused from now on."""
        self.api.credentials.renew()
        await asyncio.to_thread(self.write_kubeconfig)

    def expire_token(self, seconds: float = 0.0) -> None:
        """The token is refused (401) from `seconds` on, until it is rotated."""
        self.api.credentials.expires = time.time() + seconds

    async def issue_certificate(self) -> tuple[bytes, bytes]:
        """A new client certificate and its key in PEM, written to the kubeconfig in place of the token.

        An older certificate is refused from now on.
        """
        if self.authority is None:
            raise ValueError("there are no client certificates without TLS")
        certificate, key, self.api.credentials.serial = await asyncio.to_thread(self.authority.client, USER)
        self.client = (certificate, key)
        await asyncio.to_thread(self.write_kubeconfig)
        return self.client

    def write_kubeconfig(self) -> None:
        """Write the kubeconfig, readable by its owner alone, in one step."""
        cluster: Object = {"server": self.url}
        user = {"token": self.token}
        if self.client is not None:
            certificate, key = self.client
            user = {"client-certificate-data": _encoded(certificate), "client-key-data": _encoded(key)}
        if self.authority is not None:
            cluster["certificate-authority-data"] = _encoded(self.authority.pem)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": user}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "shop"}}],
            "current-context": CONTEXT,
        }
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".kubeconfig")  # 0600
        with os.fdopen(descriptor, "w") as file:
            yaml.safe_dump(config, file)
        os.replace(name, self.kubeconfig)


def _encoded(pem: bytes) -> str:
    return base64.b64encode(pem).decode()


@contextlib.asynccontextmanager
async def simulator(
    folder: Path,
    *,
    port: int = 0,
    pods: int = 0,
    seed: int = 1,
    scenery: bool = True,
    pace: float = 1.0,
    tls: bool = True,
    bookmark_seconds: float = 60.0,
    history: int = HISTORY,
    cron_jobs: bool = False,
) -> AsyncIterator[Simulator]:
    """Run a cluster until the block ends.

    `scenery`: the demo's four nodes and forty pods; without it only what `put` writes. `pods`: so many synthetic pods
    more. `pace`: how long the cluster's own doings take (0.1: ten times as quick). `cron_jobs`: schedules are kept.
    """
    store = Store(seed=seed, history=history)
    logs = Logs(time.time)
    objects = Objects(store, logs, voice_of)
    api = Api(store, objects, logs, bookmark_seconds=bookmark_seconds, seed=seed)
    cluster = Cluster(store, objects, logs, voice_of, pace=pace)
    sim = Simulator(folder, store, api, objects, logs, cluster)
    api.admin.calls = {"token": sim.rotate_token, "certificate": sim.issue_certificate}
    context = None
    if tls:
        sim.authority = await asyncio.to_thread(Authority)
        context = await asyncio.to_thread(sim.authority.context, folder)
    if scenery:
        Scenery(store, logs, cluster).build()
    if pods:
        await synthetic(store, pods)
    lives = [asyncio.create_task(cluster.run(), name="cluster")]
    if cron_jobs:
        lives.append(asyncio.create_task(cron.run(cluster.cronjobs, pace=pace), name="cron"))
    for life in lives:
        life.add_done_callback(loudly)
    runner = web.AppRunner(api.app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        bound = runner.addresses[0][1]
        sim.url = f"{'https' if tls else 'http'}://127.0.0.1:{bound}"
        await asyncio.to_thread(sim.write_kubeconfig)
        yield sim
    finally:
        api.drop_streams()
        await runner.cleanup()
        api.inside.close()
        api.churn.stop()
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
