"""Every change of one object, with the connection cut, the server refusing and others writing at each of its steps."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from cockpit.demo.kubernetes import kinds as simulated
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator
from cockpit.pods.api.connection import Cluster
from cockpit.tasks.action import Job, State
from cockpit.tasks.manager import TaskManager
from tests.integration.pods.conftest import SOON, bound, done, rows, until

CHANGES: Mapping[str, tuple[str, str, str, Mapping[str, str]]] = {
    "scale": ("deployments", "shop", "cart", {"replicas": "5"}),
    "rollout": ("deployments", "shop", "cart", {}),
    "image": ("deployments", "shop", "cart", {"image": "app=cart:99"}),
    "pause": ("deployments", "shop", "cart", {}),
    "cordon": ("nodes", "", "worker-1", {}),
    "suspend": ("cronjobs", "payments", "sync-rates", {}),
}
words = pytest.mark.parametrize("word", CHANGES)


async def job(cluster: Cluster, word: str) -> Job:
    resource, namespace, name, inputs = CHANGES[word]
    return bound(cluster, resource, word, await rows(cluster, resource, name, namespace=namespace), **inputs)


@words
async def test_cut_while_it_is_read_nothing_is_sent(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str
) -> None:
    work = await job(cluster, word)
    sim.faults.add(Fault("cut", verb="get", path=f"/{CHANGES[word][2]}"))
    ended = await done(tasks, work)
    assert (ended.state, sim.api.requests["patch"]) == (State.FAILED, 0)
    assert "cut" in ended.why


@words
@pytest.mark.parametrize("fault", ["cut", "html"])
async def test_an_answer_that_never_came_is_unknown(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str, fault: str
) -> None:
    work = await job(cluster, word)
    sim.faults.add(Fault(fault, verb="patch", status=502))  # type: ignore[arg-type]
    ended = await done(tasks, work)
    assert (ended.state, sim.api.requests["patch"]) == (State.UNKNOWN, 1)


@words
async def test_told_to_wait_and_beaten_by_others(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str
) -> None:
    work = await job(cluster, word)
    sim.faults.add(Fault("status", verb="patch", status=429, retry_after=0, times=2))
    sim.faults.add(Fault("status", verb="patch", status=409, times=2))
    assert (await done(tasks, work)).state is State.SUCCEEDED
    assert sim.api.requests["patch"] == 5


@words
async def test_what_goes_on_for_ever_ends(sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str) -> None:
    for status in (409, 429):
        work = await job(cluster, word)
        before = sim.api.requests["patch"]
        sim.faults.add(Fault("status", verb="patch", status=status, retry_after=0, times=None))
        ended = await done(tasks, work)
        sim.faults.clear()
        assert (ended.state, sim.api.requests["patch"] - before) == (State.FAILED, 5)


@words
async def test_gone_or_replaced_meanwhile(sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str) -> None:
    resource, namespace, name, _ = CHANGES[word]
    work = await job(cluster, word)
    kind = simulated.KINDS[resource]
    record = sim.store.get(resource, namespace, name)
    assert record is not None
    item = record.load()
    sim.store.remove(kind, namespace, name)
    assert "is gone already" in (await done(tasks, work)).why
    item["metadata"] = {**item["metadata"], "uid": sim.store.uid()}
    sim.store.put(kind, item)
    assert "was replaced meanwhile; the new one was left alone" in (await done(tasks, work)).why
    assert not sim.api.requests["patch"]


@pytest.mark.parametrize("word", ["scale", "rollout", "image"])
async def test_deleted_while_it_is_watched(sim: Simulator, tasks: TaskManager, cluster: Cluster, word: str) -> None:
    task = tasks.submit(await job(cluster, word))
    await until(lambda: sim.api.requests["patch"] == 1)
    sim.store.remove(simulated.KINDS["deployments"], "shop", "cart")
    async with asyncio.timeout(SOON):
        ended = await task.done()
    assert ended.state is State.FAILED
    assert "was deleted meanwhile" in ended.why
