"""`cockpit pods list|describe|yaml` and the actions without a screen, as processes against the simulator."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cockpit.demo.kubernetes.faults import Fault
from cockpit.demo.kubernetes.simulator import Simulator, simulator

SOON = 60.0


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulator]:
    async with simulator(tmp_path, pace=0.05) as running:
        yield running


class Cockpit:
    """Starts `cockpit` with a configuration of its own."""

    def __init__(self, folder: Path, *sources: str) -> None:
        self.folder = folder
        (folder / "cockpit.toml").write_text("\n".join(sources))

    async def start(self, *args: str) -> asyncio.subprocess.Process:
        env = {**os.environ, "HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state")}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cockpit", "--config", str(self.folder / "cockpit.toml"), *args,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env,
        )  # fmt: skip

    async def __call__(self, *args: str) -> tuple[int, str, str]:
        process = await self.start(*args)
        async with asyncio.timeout(SOON):
            out, said = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), said.decode()


def source(sim: Simulator, name: str = "demo", **marks: bool) -> str:
    lines = [f'name = "{name}"', f'kubeconfig = "{sim.kubeconfig}"', 'context = "demo"']
    return "\n".join(["[[pods]]", *lines, *(f"{mark} = {str(value).lower()}" for mark, value in marks.items())])


@pytest.fixture
def cockpit(sim: Simulator, tmp_path: Path) -> Cockpit:
    return Cockpit(tmp_path, source(sim))


def replicas(sim: Simulator, name: str) -> int:
    record = sim.store.get("deployments", "shop", name)
    assert record is not None
    found: int = record.load()["spec"]["replicas"]
    return found


async def test_list_in_every_format(cockpit: Cockpit) -> None:
    code, out, _ = await cockpit("pods", "list", "deploy", "-n", "shop")
    assert (code, out.split()[:4]) == (0, ["NAMESPACE", "NAME", "READY", "UP-TO-DATE"])
    _, out, _ = await cockpit("pods", "list", "-n", "shop", "-l", "app=cart", "--format", "json")
    pods = [json.loads(line) for line in out.splitlines()]
    assert {pod["name"].split("-")[0] for pod in pods} == {"cart"}
    _, out, _ = await cockpit("pods", "list", "deployments", "--format", "csv", "-o", "wide")
    assert out.splitlines()[0].startswith("namespace,name,")
    _, out, _ = await cockpit("pods", "list", "--faults", "--sort", "restarts", "--format", "names")
    assert "payments/ledger" in out
    assert "shop/cart" not in out
    code, _, said = await cockpit("pods", "list", "--sort", "colour")
    assert (code, "there is no column 'colour'" in said) == (2, True)
    code, _, said = await cockpit("pods", "list", "certificats")
    assert (code, "has no resource 'certificats'" in said) == (3, True)


async def test_a_cluster_that_is_down_hides_no_other(sim: Simulator, tmp_path: Path) -> None:
    down = tmp_path / "down"
    down.write_text(sim.kubeconfig.read_text().replace(sim.url, "https://127.0.0.1:9"))
    second = source(sim, "second").replace(str(sim.kubeconfig), str(down))
    code, out, said = await Cockpit(tmp_path, source(sim), second)("pods", "list", "nodes")
    assert (code, "worker-1" in out, "no connection to https://127.0.0.1:9" in said) == (3, True, True)


async def test_describe_and_yaml(cockpit: Cockpit) -> None:
    code, out, _ = await cockpit("pods", "describe", "deployment", "cart")
    assert (code, "shop" in out, "Events:" in out) == (0, True, True)
    code, out, _ = await cockpit("pods", "yaml", "deploy", "shop/cart")
    assert (code, "kind: Deployment" in out) == (0, True)
    code, _, said = await cockpit("pods", "yaml", "deploy", "nobody")
    assert (code, "no deployment is called nobody" in said) == (3, True)


async def test_scale_dry_run_refused_and_done(sim: Simulator, cockpit: Cockpit) -> None:
    code, out, _ = await cockpit("pods", "scale", "deploy", "cart", "--replicas", "5", "--dry-run")
    assert (code, replicas(sim, "cart")) == (0, 3)
    assert "PATCH /apis/apps/v1/namespaces/shop/deployments/cart/scale: replicas 3 -> 5" in out
    code, _, said = await cockpit("pods", "scale", "deploy", "cart", "--replicas", "5")
    assert (code, "write --yes" in said, replicas(sim, "cart")) == (2, True, 3)
    code, out, _ = await cockpit("pods", "scale", "deploy", "cart", "--replicas", "5", "--yes", "--format", "json")
    assert (code, replicas(sim, "cart")) == (0, 5)
    assert [(json.loads(line)["target"], json.loads(line)["state"]) for line in out.splitlines()] == [
        ("shop/cart", "succeeded")
    ]
    code, out, _ = await cockpit("--read-only", "pods", "scale", "deploy", "cart", "--replicas", "1", "--yes")
    assert (code, replicas(sim, "cart")) == (2, 5)


async def test_production_wants_the_name_or_the_count(sim: Simulator, tmp_path: Path) -> None:
    cockpit = Cockpit(tmp_path, source(sim, production=True))
    code, _, said = await cockpit("pods", "rollout", "restart", "deploy", "cart", "--yes")
    assert (code, "it is in production; write --confirm shop/cart" in said) == (2, True)
    code, _, said = await cockpit("pods", "rollout", "restart", "deploy", "cart", "--confirm", "shop/card")
    assert (code, "but it is shop/cart" in said) == (2, True)
    code, out, _ = await cockpit("pods", "rollout", "restart", "deploy", "cart", "search", "--confirm", "2")
    assert (code, sorted(out.splitlines())) == (0, ["shop/cart: succeeded", "shop/search: succeeded"])


async def test_the_wrong_cluster_is_not_guessed(sim: Simulator, tmp_path: Path) -> None:
    cockpit = Cockpit(tmp_path, source(sim), source(sim, "other"))
    code, _, said = await cockpit("pods", "delete", "pod", "cart", "--yes")
    assert (code, "name one with --context, or write SOURCE:NAME: demo, other" in said) == (2, True)
    code, _, said = await cockpit("pods", "delete", "pod", "cart", "--yes", "--context", "else")
    assert (code, "there is no source 'else'" in said) == (2, True)
    code, _, said = await cockpit("pods", "delete", "deploy", "demo:shop/cart", "other:shop/search", "--yes")
    assert (code, "one cluster at a time; these are demo, other" in said) == (2, True)
    assert not sim.api.requests["delete"]
    code, _, _ = await cockpit("pods", "delete", "deploy", "other:shop/cart", "--yes")
    assert (code, sim.store.get("deployments", "shop", "cart")) == (0, None)


async def test_a_drain_is_previewed_and_done(sim: Simulator, cockpit: Cockpit) -> None:
    code, out, _ = await cockpit("pods", "drain", "worker-1", "-n", "shop", "--dry-run")
    assert (code, "worker-1: evicts platform/postgres-0" in out) == (0, True)
    assert "worker-1: leaves kube-system/kube-proxy-" in out
    assert not sim.api.requests["patch"]
    code, out, said = await cockpit("pods", "drain", "worker-1", "--yes")
    assert (code, out) == (0, "worker-1: succeeded\n")
    assert "violate the pod's disruption budget" in said


async def test_one_of_several_fails(sim: Simulator, cockpit: Cockpit) -> None:
    sim.faults.add(Fault("status", verb="delete", path="deployments/cart", status=403))
    code, out, _ = await cockpit("pods", "delete", "deploy", "cart", "search", "--yes")
    assert code == 1
    assert sorted(line.partition(":")[0] for line in out.splitlines()) == ["shop/cart", "shop/search"]
    assert sim.store.get("deployments", "shop", "search") is None
    assert sim.store.get("deployments", "shop", "cart") is not None


async def test_force_wants_the_name(sim: Simulator, cockpit: Cockpit) -> None:
    code, _, said = await cockpit("pods", "delete", "deploy", "cart", "--force", "--yes")
    assert (code, "to confirm" in said) == (2, True)
    code, _, _ = await cockpit("pods", "delete", "deploy", "cart", "--force", "--yes", "--confirm", "shop/cart")
    assert (code, sim.store.get("deployments", "shop", "cart")) == (0, None)


async def test_an_interrupt_says_what_goes_on(sim: Simulator, cockpit: Cockpit) -> None:
    sim.faults.add(Fault("hang", verb="patch"))
    process = await cockpit.start("pods", "scale", "deploy", "cart", "--replicas", "9", "--yes")
    async with asyncio.timeout(SOON):
        while sim.faults.waiting:
            await asyncio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    assert process.returncode == 130
    assert "cancel unconfirmed: it had been sent for shop/cart: it goes on" in out.decode()


async def test_a_killed_cockpit_is_interrupted_in_the_journal(sim: Simulator, cockpit: Cockpit) -> None:
    sim.faults.add(Fault("hang", verb="patch"))
    process = await cockpit.start("pods", "scale", "deploy", "cart", "--replicas", "9", "--yes")
    async with asyncio.timeout(SOON):
        while sim.faults.waiting:
            await asyncio.sleep(0.02)
        process.kill()
        await process.wait()
    code, out, _ = await cockpit("tasks", "list", "--format", "json")
    assert code == 0
    assert '"interrupted"' in out
