"""Evictions, budgets, denials and metrics: what kubectl is told and what it does."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator
from tests.integration.kubernetes.conftest import Kube


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.02) as running:
        yield running


@pytest.fixture
def kubectl(sim: Simulator, kube: Callable[[Path], Kube]) -> Kube:
    return kube(sim.kubeconfig)


async def said(kubectl: Kube, line: str, *more: str) -> str:
    code, out, err = await kubectl(*line.split(), *more)
    assert code == 0, err.decode()
    return out.decode()


async def refused(kubectl: Kube, line: str) -> str:
    code, _, err = await kubectl(*line.split())
    assert code != 0
    return err.decode()


def nodes_of(sim: Simulator, app: str) -> list[str]:
    return [r.fields.get("spec.nodeName", "") for r in sim.store.all("pods") if r.labels.get("app") == app]


async def test_a_cordoned_node_gets_no_pods(sim: Simulator, kubectl: Kube) -> None:
    for node in ("worker-1", "worker-2"):
        await said(kubectl, f"cordon {node}")
    assert "Ready,SchedulingDisabled" in await said(kubectl, "get nodes")
    await said(kubectl, "rollout restart deploy/cart")
    await said(kubectl, "rollout status deploy/cart --timeout=20s")
    await said(kubectl, "cordon worker-3")
    await said(kubectl, "scale deploy/cart --replicas=4")
    async with asyncio.timeout(20):
        while not any(b"node(s) were unschedulable" in pod.body for pod in sim.store.all("pods")):
            await sim.store.changed(sim.store.version)
    assert sorted(nodes_of(sim, "cart")) == ["", *["worker-3"] * 3]
    await said(kubectl, "uncordon worker-1")
    await said(kubectl, "rollout status deploy/cart --timeout=20s")
    assert "worker-1" in nodes_of(sim, "cart")


async def test_drain_empties_a_node_but_for_daemons(sim: Simulator, kubectl: Kube) -> None:
    await said(kubectl, "delete pdb --all -A")
    await said(kubectl, "drain worker-2 --ignore-daemonsets --force --delete-emptydir-data --timeout=20s")
    left = json.loads(await said(kubectl, "get pods -A --field-selector=spec.nodeName=worker-2 -o json"))["items"]
    assert {pod["metadata"]["labels"]["app"] for pod in left} == {"kube-proxy"}


async def test_a_budget_forbids_an_eviction_until_pods_are_ready_again(sim: Simulator, kubectl: Kube) -> None:
    await said(kubectl, "cordon worker-1")
    await said(kubectl, "scale deploy/cart --replicas=2")
    await said(kubectl, "rollout status deploy/cart --timeout=20s")
    await said(kubectl, "wait pdb/cart --for=jsonpath={.status.disruptionsAllowed}=0 --timeout=20s")
    pod = (await said(kubectl, "get pods -l app=cart -o name")).split()[0].partition("/")[2]
    path = f"/api/v1/namespaces/shop/pods/{pod}/eviction"
    eviction = json.dumps({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}).encode()
    raw = ("create", "--raw", path, "-f", "-")
    code, _, err = await kubectl(*raw, stdin=eviction)
    assert code != 0 and b"would violate the pod's disruption budget" in err
    await said(kubectl, "scale deploy/cart --replicas=3")
    await said(kubectl, "rollout status deploy/cart --timeout=20s")
    code, out, err = await kubectl(*raw, stdin=eviction)
    assert code == 0, err
    assert json.loads(out)["status"] == "Success"
    await said(kubectl, f"wait pod/{pod} --for=delete --timeout=20s")


async def test_a_pod_is_killed_by_force_at_once(sim: Simulator, kubectl: Kube) -> None:
    pod = (await said(kubectl, "get pods -l app=cart -o name")).split()[0]
    await said(kubectl, f"delete {pod} --grace-period=0 --force --wait=false")
    assert "not found" in await refused(kubectl, f"get {pod}")


async def test_what_is_denied_is_told_beforehand_and_refused(sim: Simulator, kubectl: Kube) -> None:
    assert await said(kubectl, "auth can-i delete pods") == "yes\n"
    sim.deny("delete", "pods", namespace="shop")
    sim.deny("create", "pods", sub="exec")
    sim.deny("list", "secrets", namespace="")
    for question in ("delete pods", "create pods --subresource=exec -n payments", "list secrets -A"):
        assert (await kubectl("auth", "can-i", *question.split()))[:2] == (1, b"no\n"), question
    for question in ("delete pods -n payments", "create pods", "list secrets", "get pods --subresource=log"):
        assert await said(kubectl, f"auth can-i {question}") == "yes\n", question
    listed = await said(kubectl, "auth can-i --list")
    assert re.search(r"^pods .*\[create get list patch update watch\]", listed, re.M), listed
    assert re.search(r"^pods/exec .*\[get\]", listed, re.M), listed
    pod = (await said(kubectl, "get pods -l app=cart -o name")).split()[0].partition("/")[2]
    assert (
        f'pods "{pod}" is forbidden: User "demo" cannot delete resource "pods" in API group "" in the namespace "shop"'
        in await refused(kubectl, f"delete pod {pod}")
    )
    assert 'cannot create resource "pods/exec"' in await refused(kubectl, f"exec {pod} -- true")
    assert 'cannot list resource "secrets" in API group "" at the cluster scope' in await refused(
        kubectl, "get secrets -A"
    )
    sim.allow()
    await said(kubectl, f"delete pod {pod} --wait=false")


async def test_top_shows_what_is_served_and_says_so_when_it_is_not(sim: Simulator, kubectl: Kube) -> None:
    pods, nodes, containers = await asyncio.gather(
        said(kubectl, "top pods -A --no-headers"),
        said(kubectl, "top nodes --no-headers"),
        said(kubectl, "top pods -l app=storefront --containers --no-headers"),
    )
    running = [
        pod.name
        for pod in sim.store.all("pods")
        if any("running" in c["state"] for c in pod.load()["status"].get("containerStatuses", ()))
    ]
    assert sorted(line.split()[1] for line in pods.splitlines()) == sorted(running)
    assert [line.split()[0] for line in nodes.splitlines()] == ["cp-1", "worker-1", "worker-2", "worker-3"]
    assert {line.split()[1] for line in containers.splitlines()} == {"app", "nginx-exporter"}
    sim.api.metrics = "absent"
    assert "Metrics API not available" in await refused(kubectl, "top pods")
