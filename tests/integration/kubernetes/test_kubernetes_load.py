"""Load and faults of streams: many changes a second, silence without an end, events twice, a clock that is ahead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator

PODS = "/api/v1/pods"


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pods=300, scenery=False, tls=False) as running:
        yield running


@pytest.fixture
async def http(sim: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {sim.token}"}
    async with aiohttp.ClientSession(sim.url, headers=headers, read_bufsize=1 << 20) as session:
        yield session


async def read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(20):
        event: dict[str, Any] = json.loads(await response.content.readline())
    return event


async def test_every_change_of_a_churn_reaches_a_watch(sim: Simulator, http: aiohttp.ClientSession) -> None:
    query = {"watch": "true", "resourceVersion": str(sim.store.version)}
    async with http.get(PODS, params=query) as watch:
        await sim.api.churn.start(2_000, 0.5)
        assert sim.api.churn.done == 1_000
        restarts: dict[str, int] = {}
        versions = []
        for _ in range(1_000):
            event = await read(watch)
            pod = event["object"]
            assert event["type"] == "MODIFIED"
            versions.append(int(pod["metadata"]["resourceVersion"]))
            restarts[pod["metadata"]["uid"]] = pod["status"]["containerStatuses"][0]["restartCount"]
    assert versions == sorted(set(versions)) and versions[-1] == sim.store.version
    assert sum(restarts.values()) == 1_000 and len(restarts) == 300
    assert not any(r.version > sim.store.version for r in sim.store.all("replicasets"))


async def test_a_frozen_watch_says_nothing_and_stays_open(sim: Simulator, http: aiohttp.ClientSession) -> None:
    query = {"watch": "true", "resourceVersion": str(sim.store.version), "fieldSelector": "metadata.name=a"}
    pod = {"metadata": {"namespace": "shop", "name": "a"}, "spec": {"containers": []}, "status": {}}
    async with http.get(PODS, params=query) as watch:
        sim.put(pod)
        assert (await read(watch))["type"] == "ADDED"
        assert sim.freeze_streams() == 1
        sim.put(pod)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await watch.content.readline()
        assert len(sim.api.streams) == 1 and not watch.content.at_eof()


async def test_events_come_twice_and_a_stream_falls_silent(sim: Simulator, http: aiohttp.ClientSession) -> None:
    pod = {"metadata": {"namespace": "shop", "name": "a"}, "spec": {"containers": []}, "status": {}}
    for kind, lines in (("duplicate", 2), ("silent", 1)):
        sim.faults.add(Fault(kind, verb="watch"))  # type: ignore[arg-type]
        query = {"watch": "true", "resourceVersion": str(sim.store.version)}
        async with http.get(PODS, params=query) as watch:
            sim.put(pod)
            events = [await read(watch) for _ in range(lines)]
            assert all(event == events[0] for event in events)
            sim.put(pod)
            if kind == "silent":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await watch.content.readline()
            else:
                assert (await read(watch))["object"]["metadata"]["resourceVersion"] == str(sim.store.version)


async def test_a_clock_that_is_ahead_dates_its_answers(sim: Simulator, http: aiohttp.ClientSession) -> None:
    sim.api.skew = 7200.0
    async with http.get("/version") as response:
        ahead = parsedate_to_datetime(response.headers["Date"]) - datetime.now(UTC)
    assert timedelta(minutes=119) < ahead < timedelta(minutes=121)


@pytest.mark.parametrize(
    ("verb", "method", "path"),
    [
        ("discovery", "GET", "/apis"),
        ("review", "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("metrics", "GET", "/apis/metrics.k8s.io/v1beta1/pods"),
        ("patch", "PATCH", "/api/v1/namespaces/shop/pods/a"),
        ("list", "GET", f"{PODS}?limit=5&continue=x"),
    ],
)
async def test_too_many_requests_of_any_verb(
    sim: Simulator, http: aiohttp.ClientSession, verb: str, method: str, path: str
) -> None:
    sim.faults.add(Fault("status", verb=verb, status=429, retry_after=3))
    body = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}} if method != "GET" else None
    async with http.request(method, path, json=body) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "3")
        assert (await response.json())["reason"] == "TooManyRequests"
    assert not sim.faults.waiting


async def test_switches_over_http(sim: Simulator, http: aiohttp.ClientSession) -> None:
    async def switch(action: str, body: Any = None) -> int:
        async with http.post(f"/_simulator/{action}", json=body) as response:
            return response.status

    good: tuple[tuple[str, Any], ...] = (
        ("skew", {"seconds": 5}),
        ("freeze", None),
        ("metrics", {"served": "absent"}),
        ("discovery", {"aggregated": False}),
        ("deny", {"verb": "get", "resource": "pods"}),
        ("churn", {"rate": 10, "seconds": 1}),
        ("token-expiry", {"seconds": 60}),
    )
    for action, body in good:
        assert await switch(action, body) == 200, action
    assert (sim.api.skew, sim.api.metrics, sim.api.aggregated) == (5.0, "absent", False)
    assert len(sim.api.access.denials) == 1 and sim.api.credentials.expires is not None
    for action, body in (("skew", {"seconds": "x"}), ("metrics", {"served": "no"}), ("deny", {}), ("churn", [1])):
        assert await switch(action, body) == 400, action
    async with http.delete("/_simulator/deny") as response:
        assert response.status == 200
    assert not sim.api.access.denials
