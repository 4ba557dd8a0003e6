"""Drain by eviction, cron jobs, stateful and daemon sets, and what the server allows; kubectl is the referee."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator
from cockpit.pods.actions.catalogue import actions_for
from cockpit.pods.api.access import Question, Reviews
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.registry import KINDS
from cockpit.tasks.action import State
from cockpit.tasks.manager import TaskManager
from tests.integration.pods.conftest import SOON, Kubectl, act, bound, done, lines, rows, until

NODE = "worker-1"
CONTAINER = {"name": "c", "image": "busybox:1"}


def put(sim: Simulator, name: str, **spec: Any) -> None:
    """A pod that nothing owns, on the node that is drained."""
    statuses = [{"name": "c", "ready": True, "restartCount": 0, "state": {"running": {}}}]
    sim.put(
        {
            "metadata": {"namespace": "lab", "name": name},
            "spec": {"containers": [CONTAINER], "nodeName": NODE, **spec},
            "status": {"phase": "Running", "containerStatuses": statuses},
        }
    )


def on_node(sim: Simulator) -> set[str]:
    pods = [record.load() for record in sim.store.all("pods")]
    return {pod["metadata"]["name"] for pod in pods if pod["spec"].get("nodeName") == NODE}


async def test_a_drained_node_has_what_kubectl_would_leave(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    said = await kubectl("drain", NODE, "--ignore-daemonsets", "--dry-run=client")
    going = {line.split("/")[-1].split()[0] for line in said.splitlines() if "vict" in line and "pod" in line}
    before = on_node(sim)
    ended = await act(tasks, cluster, "nodes", "drain", NODE)
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert going and going <= before
    assert before & on_node(sim) == before - going
    text = await lines(tasks, ended)
    assert "1 of daemon sets and static ones stay" in text
    assert "platform/postgres-1 (Cannot evict pod as it would violate the pod's disruption budget.)" in text
    assert "SchedulingDisabled" in await kubectl("get", "node", NODE)
    assert "already" not in (await act(tasks, cluster, "nodes", "drain", NODE)).why


async def test_pods_that_were_not_agreed_to_hold_it(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    put(sim, "lonely")
    put(sim, "scratch", volumes=[{"name": "tmp", "emptyDir": {}}])
    ended = await act(tasks, cluster, "nodes", "drain", NODE)
    assert ended.state is State.FAILED
    assert "lab/lonely: no controller makes it again" in ended.why
    assert "nothing was done" in ended.why
    node = sim.store.get("nodes", "", NODE)
    assert node is not None and not node.load()["spec"].get("unschedulable")
    ended = await act(tasks, cluster, "nodes", "drain", NODE, bare="yes")
    assert "lab/scratch: its emptyDir data would be lost" in ended.why
    ended = await act(tasks, cluster, "nodes", "drain", NODE, bare="yes", empty_dir="yes", grace="0")
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    assert not {"lonely", "scratch"} & on_node(sim)


async def test_an_eviction_whose_answer_was_cut_is_looked_at_first(
    sim: Simulator, tasks: TaskManager, cluster: Cluster
) -> None:
    sim.faults.add(Fault("cut", path="/eviction", times=2))
    sim.faults.add(Fault("html", path="/eviction", status=502, times=2))
    ended = await act(tasks, cluster, "nodes", "drain", NODE)
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")


async def test_a_cancelled_drain_says_what_was_evicted(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    sim.faults.add(Fault("status", path="postgres-0/eviction", status=429, times=None))
    task = tasks.submit(bound(cluster, "nodes", "drain", await rows(cluster, "nodes", NODE)))
    await until(lambda: task.record.done >= 8)
    tasks.cancel(task.id)
    async with asyncio.timeout(SOON):
        ended = await task.done()
    assert ended.state is State.FAILED
    assert f"{NODE} stays cordoned" in ended.why
    assert "of 10 pods were evicted" in ended.why
    assert "nothing more is evicted" in ended.why
    assert "SchedulingDisabled" in await kubectl("get", "node", NODE)
    assert "postgres-0" in on_node(sim)


async def test_a_drain_has_a_time_out(sim: Simulator, tasks: TaskManager, cluster: Cluster) -> None:
    sim.faults.add(Fault("status", path="postgres-0/eviction", status=429, times=None))
    ended = await act(tasks, cluster, "nodes", "drain", NODE, timeout="1")
    assert ended.state is State.FAILED
    assert "not done after 1 s" in ended.why
    assert "stays cordoned" in ended.why


async def test_a_cron_job_is_run_to_its_end(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    chosen = await rows(cluster, "cronjobs", "sync-rates", namespace="payments")
    ended = await done(tasks, bound(cluster, "cronjobs", "trigger", chosen))
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    listed = json.loads(await kubectl("get", "jobs", "-n", "payments", "-o", "json"))["items"]
    (made,) = [job["metadata"] for job in listed if "sync-rates-manual-" in job["metadata"]["name"]]
    assert made["annotations"]["cronjob.kubernetes.io/instantiate"] == "manual"
    assert (made["ownerReferences"][0]["uid"], made["ownerReferences"][0]["controller"]) == (chosen[0].uid, True)


async def test_a_cron_job_is_suspended_and_resumed(
    sim: Simulator, tasks: TaskManager, cluster: Cluster, kubectl: Kubectl
) -> None:
    chosen = await rows(cluster, "cronjobs", "sync-rates", namespace="payments")
    for word, value in (("suspend", "true"), ("resume", "false")):
        assert (await done(tasks, bound(cluster, "cronjobs", word, chosen))).state is State.SUCCEEDED
        path = "jsonpath={.spec.suspend}"
        assert await kubectl("get", "cronjob", "sync-rates", "-n", "payments", "-o", path) == value
    assert "is not suspended" in (await done(tasks, bound(cluster, "cronjobs", "resume", chosen))).why


@pytest.mark.parametrize(
    ("resource", "namespace", "name"),
    [("statefulsets", "platform", "postgres"), ("daemonsets", "kube-system", "kube-proxy")],
)
async def test_a_set_is_rolled_out(
    sim: Simulator,
    tasks: TaskManager,
    cluster: Cluster,
    kubectl: Kubectl,
    resource: str,
    namespace: str,
    name: str,
) -> None:
    chosen = await rows(cluster, resource, name, namespace=namespace)
    ended = await done(tasks, bound(cluster, resource, "rollout", chosen))
    assert (ended.state, ended.why) == (State.SUCCEEDED, "")
    await kubectl("rollout", "status", f"{resource}/{name}", "-n", namespace, "--timeout=5s")


async def test_what_the_server_forbids_is_greyed_before_it_is_tried(sim: Simulator, cluster: Cluster) -> None:
    sim.deny("delete", "pods", namespace="shop")
    delete = next(a for a in actions_for({"demo": cluster}, KINDS["pods"]) if a.id == "pods.delete")
    pods = [*await rows(cluster, "pods"), *await rows(cluster, "pods", namespace="payments")]
    before = sim.api.requests.total()
    assert delete.disabled(pods * 100) is None
    await until(lambda: delete.disabled(pods) is not None)
    assert (delete.disabled(pods) or "").startswith("not allowed: delete pods in shop (asked the server at ")
    assert delete.disabled([pod for pod in pods if pod.namespace == "payments"]) is None
    assert sim.api.requests.total() - before <= 2


async def test_a_question_is_asked_once_at_a_time(sim: Simulator, cluster: Cluster) -> None:
    sim.deny("create", "pods", sub="eviction")
    reviews = Reviews({"demo": cluster})
    question = Question("create", KINDS["pods"], "", "eviction")
    answers = await asyncio.gather(*(reviews.ask("demo", question) for _ in range(20)))
    assert {answer.allowed for answer in answers} == {False}
    assert len({answer.asked_at for answer in answers}) == 1
    assert reviews.known("demo", Question("create", KINDS["pods"], "")) is None


async def test_a_server_that_does_not_answer_forbids_nothing(sim: Simulator, cluster: Cluster) -> None:
    sim.kubeconfig.write_text(sim.kubeconfig.read_text().replace(sim.url, "https://127.0.0.1:9"))
    reviews = Reviews({"demo": cluster})
    assert (await reviews.ask("demo", Question("delete", KINDS["pods"], "shop"))).allowed
