"""What an adapter reads of a kind: by label, by field, by namespace, by what only cockpit can tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.feeds.feed import Feed
from cockpit.model import health
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.pod.kind import PODS
from cockpit.pods.kinds.pod.row import Pod
from cockpit.pods.watch.adapter import ObjectsAdapter
from cockpit.pods.watch.selection import Selection

SOON = 20.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False) as running:
        yield running


def cluster(sim: Simulator, **settings: Any) -> Cluster:
    return Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig), **settings))


@asynccontextmanager
async def read(adapter: ObjectsAdapter[Pod]) -> AsyncIterator[Feed[Pod]]:
    feed = Feed([adapter])
    running = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def names(feed: Feed[Pod]) -> list[str]:
    return sorted(pod.path for pod in feed.items.values())


async def shows(feed: Feed[Pod], *expected: str) -> None:
    def holds() -> bool:
        return isinstance(feed.overall, health.Live) and names(feed) == sorted(expected)

    assert await feed.until(holds, SOON), (feed.overall, names(feed))


def put(sim: Simulator, path: str, tier: str, node: str = "one", phase: str = "Running") -> None:
    namespace, name = path.split("/")
    metadata = {"namespace": namespace, "name": name, "labels": {"tier": tier}}
    sim.put({"metadata": metadata, "spec": {"nodeName": node, "containers": []}, "status": {"phase": phase}})


@pytest.mark.parametrize("streamed", [True, False])
async def test_the_server_selects_and_another_selector_is_a_new_whole(sim: Simulator, streamed: bool) -> None:
    sim.api.watch_list = streamed
    put(sim, "shop/web", "front")
    put(sim, "shop/db", "back")
    adapter = ObjectsAdapter(cluster(sim), PODS, Selection(labels="tier=front"))
    async with read(adapter) as feed:
        await shows(feed, "shop/web")
        put(sim, "shop/api", "front")
        await shows(feed, "shop/api", "shop/web")
        put(sim, "shop/web", "back")
        await shows(feed, "shop/api")
        adapter.select("tier=back")
        await shows(feed, "shop/db", "shop/web")
        put(sim, "shop/api", "back")
        await shows(feed, "shop/api", "shop/db", "shop/web")
        adapter.select("")
        put(sim, "shop/other", "none")
        await shows(feed, "shop/api", "shop/db", "shop/other", "shop/web")
        adapter.select("this is, no selector!")
        assert await feed.until(lambda: isinstance(feed.overall, health.Stale), SOON)
        adapter.select("tier=none")
        feed.retry()
        await shows(feed, "shop/other")


async def test_fields_and_namespaces(sim: Simulator) -> None:
    for namespace in ("shop", "bank", "other"):
        put(sim, f"{namespace}/here", "x", node="one")
        put(sim, f"{namespace}/there", "x", node="two")
    configured = cluster(sim, namespaces=["shop"])
    async with (
        read(ObjectsAdapter(configured, PODS, Selection(fields="spec.nodeName=one"))) as one,
        read(ObjectsAdapter(configured, PODS, Selection(namespaces=("bank", "other")))) as others,
    ):
        await shows(one, "shop/here")
        await shows(others, "bank/here", "bank/there", "other/here", "other/there")
        put(sim, "shop/new", "x", node="one")
        sim.remove("other", "here")
        await shows(one, "shop/here", "shop/new")
        await shows(others, "bank/here", "bank/there", "other/there")


async def test_what_is_accepted_no_longer_is_gone(sim: Simulator) -> None:
    put(sim, "shop/a", "x", phase="Failed")
    put(sim, "shop/b", "x")

    def accepts(pod: Pod) -> bool:
        return pod.status == "Failed"

    async with read(ObjectsAdapter(cluster(sim), PODS, accepts=accepts)) as feed:
        await shows(feed, "shop/a")
        put(sim, "shop/b", "x", phase="Failed")
        await shows(feed, "shop/a", "shop/b")
        put(sim, "shop/a", "x")
        await shows(feed, "shop/b")
        sim.remove("shop", "b")
        await shows(feed)


async def test_adapters_share_the_login_and_the_connections(sim: Simulator) -> None:
    put(sim, "shop/web", "front")
    shared = cluster(sim)
    first, second = (ObjectsAdapter(shared, PODS) for _ in range(2))
    async with read(first) as one, read(second) as two:
        await shows(one, "shop/web")
        await shows(two, "shop/web")
        async with shared.connected() as connection, shared.connected() as other:
            assert connection is other
