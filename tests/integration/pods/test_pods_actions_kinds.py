"""Actions on workloads, nodes, cron jobs and objects of any kind, with the real kubectl as the referee."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.model import errors
from cockpit.pods.actions.catalogue import actions_for
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.registry import KINDS
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager
from tests.integration.pods.conftest import SOON, Kubectl, act, bound, done, lines, rows, until


async def test_scale_ends_when_kubectl_sees_the_replicas(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    ended = await act(tasks, cluster, "deployments", "scale", "cart", replicas="5")
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert (await kubectl("get", "deploy", "cart", "--no-headers")).split()[1:4] == ["5/5", "5", "5"]
    assert "deployment shop/cart has 3 replicas" in await lines(tasks, ended)
    ended = await act(tasks, cluster, "deployments", "scale", "cart", replicas="0")
    assert ended.state is State.SUCCEEDED
    assert (await kubectl("get", "deploy", "cart", "--no-headers")).split()[1] == "0/0"


async def test_what_kubectl_scaled_meanwhile_is_not_overwritten(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    job = bound(cluster, "deployments", "scale", await rows(cluster, "deployments", "cart"), replicas="1")
    image = bound(cluster, "deployments", "image", await rows(cluster, "deployments", "cart"), image="cart=cart:9")
    await kubectl("scale", "deploy", "cart", "--replicas=4")
    ended = await done(tasks, job)
    assert ended.state is State.FAILED
    assert "scaled by somebody else meanwhile, to 4" in ended.why
    ended = await done(tasks, image)
    assert "changed by somebody else meanwhile" in ended.why
    assert (await kubectl("get", "deploy", "cart", "-o", "jsonpath={.spec.replicas}")) == "4"


async def test_a_writer_that_was_quicker_is_no_failure(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    job = bound(cluster, "deployments", "scale", await rows(cluster, "deployments", "cart"), replicas="2")
    sim.faults.add(Fault("status", verb="patch", status=409, times=2))
    assert (await done(tasks, job)).state is State.SUCCEEDED
    assert sim.api.requests["patch"] == 3


@pytest.mark.parametrize("replicas", ["", "-1", "3.5", "many", "10001", "٣", "1e3", "99999999999"])
async def test_nonsense_is_refused(sim: Simulator, cluster: Cluster, replicas: str) -> None:
    chosen = await rows(cluster, "deployments", "cart")
    with pytest.raises(errors.Refused):
        bound(cluster, "deployments", "scale", chosen, replicas=replicas)


async def test_an_image_is_rolled_out_and_undone(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    (before,) = await rows(cluster, "deployments", "search")
    container, image = before.containers[0], before.images[0]  # type: ignore[attr-defined]
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    ended = await act(tasks, cluster, "deployments", "image", "search", image=f"{container}=search:99")
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert await kubectl("get", "deploy", "search", "-o", path) == "search:99"
    assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/search", "--timeout=5s")
    ended = await act(tasks, cluster, "deployments", "image", "search", image="nobody=x:1")
    assert "has no container 'nobody'" in ended.why

    ended = await act(tasks, cluster, "deployments", "undo", "search", revision="")
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert await kubectl("get", "deploy", "search", "-o", path) == image
    await kubectl("rollout", "undo", "deploy/search")
    assert await kubectl("get", "deploy", "search", "-o", path) == "search:99"
    ended = await act(tasks, cluster, "deployments", "undo", "search", revision="77")
    assert "has no revision 77; there are" in ended.why


async def test_pause_and_resume(sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl) -> None:
    paused = "jsonpath={.spec.paused}"
    assert (await act(tasks, cluster, "deployments", "pause", "cart")).state is State.SUCCEEDED
    assert await kubectl("get", "deploy", "cart", "-o", paused) == "true"
    ended = await act(tasks, cluster, "deployments", "rollout", "cart")
    assert "is paused; resume it first" in ended.why
    assert (await act(tasks, cluster, "deployments", "resume", "cart")).state is State.SUCCEEDED
    assert await kubectl("get", "deploy", "cart", "-o", paused) == ""
    await kubectl("rollout", "pause", "deploy/cart")
    assert "is paused already" in (await act(tasks, cluster, "deployments", "pause", "cart")).why


async def test_a_rollout_restart_of_several_workloads(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    before = {pod.key for pod in await rows(cluster, "pods")}
    ended = await act(tasks, cluster, "deployments", "rollout", "cart", "search")
    assert [target.state for target in ended.targets] == [State.SUCCEEDED, State.SUCCEEDED]
    async with asyncio.timeout(SOON):
        while before & {pod.key for pod in await rows(cluster, "pods") if pod.name.startswith(("cart-", "search-"))}:
            await asyncio.sleep(0.05)  # the old ones may still be ending, as with kubectl
    assert "successfully rolled out" in await kubectl("rollout", "status", "deploy/cart", "--timeout=5s")
    assert (await act(tasks, cluster, "deployments", "status", "cart")).state is State.SUCCEEDED


async def test_a_cut_answer_is_unknown_and_not_sent_again(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    for name, word, inputs in (
        ("cart", "scale", {"replicas": "4"}),
        ("cart", "rollout", {}),
        ("cart", "pause", {}),
        ("search", "image", {"image": "app=search:2"}),
        ("catalog", "delete", {}),
    ):
        job = bound(cluster, "deployments", word, await rows(cluster, "deployments", name), **inputs)
        verb = "delete" if word == "delete" else "patch"
        before = sim.api.requests[verb]
        sim.faults.add(Fault("cut", verb=verb))
        ended = await done(tasks, job)
        assert (ended.state, sim.api.requests[verb] - before) == (State.UNKNOWN, 1), (word, ended.why)


async def test_no_answer_while_looking_is_asked_again(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    job = bound(cluster, "deployments", "scale", await rows(cluster, "deployments", "cart"), replicas="5")
    sim.faults.add(Fault("delay", verb="patch", seconds=0.05))
    task = tasks.submit(job)
    await until(lambda: sim.api.requests["patch"] > 0)
    sim.faults.add(Fault("html", verb="get", path="deployments/cart", status=502, times=2))
    async with asyncio.timeout(SOON):
        assert (await task.done()).state is State.SUCCEEDED


async def test_what_is_forbidden_is_remembered_and_greyed(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    chosen = await rows(cluster, "deployments", "cart")
    delete = next(a for a in actions_for({"demo": cluster}, KINDS["deployments"]) if a.id == "deployments.delete")
    sim.faults.add(Fault("status", verb="delete", status=403))
    ended = await done(tasks, delete.bind(chosen, {}))
    assert ended.state is State.FAILED
    assert (delete.disabled(chosen) or "").startswith("not allowed: delete deployments in shop (asked the server at ")


async def test_delete_of_any_kind(sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl) -> None:
    job = bound(cluster, "deployments", "delete", await rows(cluster, "deployments", "search"))
    assert (await done(tasks, job)).state is State.SUCCEEDED
    assert "search" not in await kubectl("get", "deploy")
    assert "is gone already" in (await done(tasks, job)).why
    pod = (await rows(cluster, "pods"))[:1]
    ended = await done(tasks, bound(cluster, "pods", "force", pod, typed=pod[0].path, grace="0"))
    assert ended.state is State.SUCCEEDED
    assert pod[0].name not in await kubectl("get", "pods")


async def test_force_wants_the_name_typed(sim: Simulator, cluster: Cluster) -> None:
    pods = (await rows(cluster, "pods"))[:2]
    for chosen, typed in ((pods[:1], ""), (pods[:1], pods[1].name), (pods, pods[0].name), (pods, "3")):
        with pytest.raises(errors.Refused, match="to confirm"):
            bound(cluster, "pods", "force", chosen, typed=typed)
    assert bound(cluster, "pods", "force", pods, typed="2").targets[1].name == pods[1].path


async def test_cordon_and_uncordon(sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl) -> None:
    node = (await rows(cluster, "nodes"))[-1].name
    assert (await act(tasks, cluster, "nodes", "cordon", node)).state is State.SUCCEEDED
    assert "SchedulingDisabled" in await kubectl("get", "node", node)
    assert "is cordoned already" in (await act(tasks, cluster, "nodes", "cordon", node)).why
    assert (await act(tasks, cluster, "nodes", "uncordon", node)).state is State.SUCCEEDED
    assert "SchedulingDisabled" not in await kubectl("get", "node", node)


async def test_many_marked_pods(tmp_path: Path, tasks: TaskManager) -> None:
    (tmp_path / "many").mkdir()
    async with simulator(tmp_path / "many", scenery=False, pods=50, pace=0.01) as sim:
        cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
        chosen = [row for name in sim_namespaces(sim) for row in await rows(cluster, "pods", namespace=name)]
        assert len(chosen) == 50
        sim.faults.add(Fault("status", verb="delete", status=429, retry_after=0, times=7))
        ended = await done(tasks, bound(cluster, "pods", "delete", chosen))
        assert (ended.state, ended.why) == (State.SUCCEEDED, "")
        assert sim.api.requests["delete"] == 57


async def test_a_cancel_among_many_tells_of_each(tmp_path: Path, tasks: TaskManager) -> None:
    (tmp_path / "slow").mkdir()
    async with simulator(tmp_path / "slow", pace=20.0) as sim:
        cluster = Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))
        chosen = [row for row in await rows(cluster, "pods") if row.owner][:12]
        sim.faults.add(Fault("hang", verb="delete", times=4))
        task = tasks.submit(bound(cluster, "pods", "delete", chosen))
        await until(lambda: sim.api.requests["delete"] >= 12 and not sim.faults.waiting)
        tasks.cancel(task.id)
        async with asyncio.timeout(SOON):
            ended = await task.done()
        assert ended.state is State.FAILED
        assert "cancel unconfirmed" in ended.why
        assert {target.state for target in ended.targets} <= {State.UNKNOWN, State.CANCELLED, State.SUCCEEDED}
        assert all("sent before the cancel" in t.why for t in ended.targets if t.state is State.UNKNOWN)


def sim_namespaces(sim: Simulator) -> list[str]:
    return sorted({record.namespace for record in sim.store.all("pods")})
