"""What the simulator does not serve: controller revisions to undo to, and an autoscaler that owns the replicas."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cockpit.config.settings import PodsSource
from cockpit.pods.api.connection import Cluster
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager
from tests.integration.pods.conftest import bound, done, lines, rows

UID, OTHER = "uid-of-the-set", "uid-of-another"


class Api:
    """A stateful set with three revisions; what is patched is kept and, to the controller's mind, done."""

    def __init__(self) -> None:
        self.generation, self.version = 3, 7
        self.patches: list[tuple[str, dict[str, Any]]] = []

    def set(self) -> dict[str, Any]:
        return {
            "metadata": {
                "name": "db",
                "namespace": "shop",
                "uid": UID,
                "resourceVersion": str(self.version),
                "generation": self.generation,
            },
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "db"}},
                "template": {"spec": {"containers": [{"name": "db", "image": "db:3"}]}},
            },
            "status": {
                "observedGeneration": self.generation,
                "replicas": 1,
                "readyReplicas": 1,
                "updatedReplicas": 1,
                "currentRevision": "db-x",
                "updateRevision": "db-x",
            },
        }

    def revisions(self) -> list[dict[str, Any]]:
        def one(number: int, uid: str) -> dict[str, Any]:
            template = {"$patch": "replace", "spec": {"containers": [{"name": "db", "image": f"db:{number}"}]}}
            owner = {"kind": "StatefulSet", "name": "db", "uid": uid, "controller": True}
            return {
                "metadata": {"name": f"db-{number}", "ownerReferences": [owner]},
                "revision": number,
                "data": {"spec": {"template": template}},
            }

        return [one(2, UID), one(3, UID), one(1, UID), one(9, OTHER)]

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "PATCH":
            self.patches.append((request.content_type, json.loads(await request.read())))
            self.generation, self.version = self.generation + 1, self.version + 1
        if request.path.endswith("/controllerrevisions"):
            assert request.query["labelSelector"] == "app=db"
            return web.json_response({"items": self.revisions()})
        if request.path.endswith("/horizontalpodautoscalers"):
            target = {"kind": "StatefulSet", "name": "db", "apiVersion": "apps/v1"}
            spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 9}
            return web.json_response({"items": [{"metadata": {"name": "db-scaler"}, "spec": spec}]})
        if request.path.endswith("/db/scale"):
            return web.json_response({"metadata": self.set()["metadata"], "spec": {"replicas": 1}, "status": {}})
        if request.path.endswith("/db"):
            return web.json_response(self.set())
        return web.json_response({"metadata": {}, "items": [self.set()]})


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[tuple[Api, Cluster]]:
    served = Api()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    file = tmp_path / "kubeconfig"
    named = {"name": "it", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}
    context = {"name": "it", "context": {"cluster": "it", "user": "it"}}
    users = [{"name": "it", "user": {}}]
    file.write_text(json.dumps({"clusters": [named], "contexts": [context], "users": users, "current-context": "it"}))
    try:
        yield served, Cluster(PodsSource(name="demo", kubeconfig=str(file)))
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(("asked", "image"), [("", "db:2"), ("1", "db:1")])
async def test_to_an_earlier_revision(api: tuple[Api, Cluster], tasks: TaskManager, asked: str, image: str) -> None:
    served, cluster = api
    job = bound(cluster, "statefulsets", "undo", await rows(cluster, "statefulsets", "db"), revision=asked)
    ended = await done(tasks, job)
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    ((content_type, patch),) = served.patches
    assert content_type == "application/strategic-merge-patch+json"
    assert patch["metadata"] == {"uid": UID, "resourceVersion": "7"}
    assert patch["spec"]["template"]["$patch"] == "replace"
    assert patch["spec"]["template"]["spec"]["containers"][0]["image"] == image
    if not asked:
        assert "back to revision 2" in await lines(tasks, ended)


@pytest.mark.parametrize(("asked", "why"), [("9", "has no revision 9; there are 1, 2, 3"), ("3", "is at revision 3")])
async def test_no_such_revision(api: tuple[Api, Cluster], tasks: TaskManager, asked: str, why: str) -> None:
    served, cluster = api
    job = bound(cluster, "statefulsets", "undo", await rows(cluster, "statefulsets", "db"), revision=asked)
    assert why in (await done(tasks, job)).why
    assert served.patches == []


async def test_an_autoscaler_is_named_before_it_is_overruled(api: tuple[Api, Cluster], tasks: TaskManager) -> None:
    served, cluster = api
    job = bound(cluster, "statefulsets", "scale", await rows(cluster, "statefulsets", "db"), replicas="1")
    ended = await done(tasks, job)
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert "the autoscaler db-scaler (2 to 9) owns this number and will set its own" in await lines(tasks, ended)
    assert served.patches[0][1] == {"spec": {"replicas": 1}, "metadata": {"uid": UID, "resourceVersion": "7"}}
